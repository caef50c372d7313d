// The atlas page. A classic script that fetches nothing, so that it works from disk. What comes
// from the data (names of classes, of layers, of files) enters the page as text, never as markup.
"use strict";

(function () {
  const atlas = window.ATLAS;
  const find = (id) => document.getElementById(id);
  const map = find("map");
  const state = { level: null, index: -1, pinned: false };

  /** Make an element with text and children. */
  function element(tag, className, ...children) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...children); // strings become text
    return made;
  }

  const whole = (number) => Number(number).toLocaleString("en");
  const encoded = (path) => path.split("/").map(encodeURIComponent).join("/");

  // ---- which level -------------------------------------------------------------------------
  const layers = () => [...new Set(atlas.levels.map((level) => level.layer))];
  const levelsOf = (layer) => atlas.levels.filter((level) => level.layer === layer);

  /** The level of a layer whose grid is nearest the one asked for. */
  function nearestGrid(layer, grid) {
    const away = (level) => Math.abs(Math.log(level.grid / grid));
    return levelsOf(layer).reduce((best, level) => (away(level) < away(best) ? level : best));
  }

  /** The level that the address names; the first one where it names none. */
  function levelOfHash() {
    let hash = "";
    try {
      hash = decodeURIComponent(location.hash.slice(1));
    } catch { /* not one of ours */ }
    const cut = hash.lastIndexOf("/"); // names of layers have slashes too
    const layer = hash.slice(0, cut);
    if (cut < 0 || !layers().includes(layer)) return atlas.levels[0];
    return nearestGrid(layer, Number(hash.slice(cut + 1)) || levelsOf(layer)[0].grid);
  }

  function button(text, pressed, level) {
    const made = element("button", "", text);
    made.type = "button";
    made.setAttribute("aria-pressed", String(pressed));
    const hash = encoded(level.layer) + "/" + level.grid;
    made.addEventListener("click", () => { location.hash = hash; });
    return made;
  }

  /** Fill a row of buttons, leaving the keyboard's focus where it was. */
  function fill(row, buttons) {
    const focused = [...row.children].indexOf(document.activeElement);
    row.replaceChildren(...buttons);
    if (focused >= 0) buttons[Math.min(focused, buttons.length - 1)].focus();
  }

  function showLevel(level) {
    const before = state.level;
    const index = before && before.layer === level.layer ? samePlace(before, level) : -1;
    state.level = level;
    fill(find("layers"), layers().map((layer) =>
      button(layer, layer === level.layer, nearestGrid(layer, level.grid))));
    fill(find("grids"), levelsOf(level.layer).map((other) =>
      button(String(other.grid), other === level, other)));
    showPicture(level);
    select(index, state.pinned && index >= 0);
  }

  /** The cell of a level that lies where the selected cell of another lay. */
  function samePlace(before, level) {
    if (state.index < 0) return -1;
    const scale = level.grid / before.grid;
    const x = (before.x[state.index] + 0.5) * scale - 0.5;
    const y = (before.y[state.index] + 0.5) * scale - 0.5;
    return closest(level, (i) => Math.hypot(level.x[i] - x, level.y[i] - y));
  }

  function showPicture(level) {
    const image = new Image();
    Object.assign(image, { alt: "", draggable: false });
    image.addEventListener("load", () => map.setAttribute("aria-busy", "false"));
    image.addEventListener("error", () => {
      if (state.level !== level) return;
      map.hidden = true;
      say(`The picture of this map, ${level.picture}, is missing or cannot be read. Keep the ` +
          "whole run folder together, or run the experiment again to draw it anew.");
    });
    say("");
    map.hidden = false;
    map.setAttribute("aria-busy", "true");
    map.setAttribute("aria-label", `Atlas of ${level.layer}: walk with the arrow keys`);
    map.style.setProperty("--natural", level.grid * level.cell + "px");
    image.src = encoded(level.picture);
    find("picture").replaceChildren(image);
    showCaption(level);
  }

  function showCaption(level) {
    const held = level.count.reduce((sum, count) => sum + count, 0);
    const cells = whole(level.count.length) + (level.count.length === 1 ? " cell" : " cells");
    const link = element("a", "", "Open the picture");
    link.href = encoded(level.picture);
    find("caption").replaceChildren(
      `${level.layer}, ${level.grid} × ${level.grid}: ${cells}, ${whole(held)} activations. `,
      link);
  }

  const say = (message) =>
    Object.assign(find("message"), { textContent: message, hidden: message === "" });

  // ---- which cell --------------------------------------------------------------------------
  /** The cell at least distance; -1 where every distance is infinite. */
  function closest(level, distance) {
    let [best, least] = [-1, Infinity];
    for (let i = 0; i < level.x.length; i++) {
      const here = distance(i);
      if (here < least) [best, least] = [i, here];
    }
    return best;
  }

  function cellAt(event) {
    const { level } = state;
    const box = map.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * level.grid);
    const y = Math.floor(((event.clientY - box.top) / box.height) * level.grid);
    return closest(level, (i) => (level.x[i] === x && level.y[i] === y ? 0 : Infinity));
  }

  /** The next cell in a direction: straight ahead if there is one, else the least detour. */
  function cellTowards(dx, dy) {
    const { level, index: from } = state;
    return closest(level, (i) => {
      const right = level.x[i] - level.x[from];
      const down = level.y[i] - level.y[from];
      const ahead = right * dx + down * dy;
      return ahead > 0 ? ahead + 3 * Math.abs(right * dy + down * dx) : Infinity;
    });
  }

  function middleCell() {
    const { level } = state;
    const half = (level.grid - 1) / 2;
    return closest(level, (i) => Math.hypot(level.x[i] - half, level.y[i] - half));
  }

  function select(index, pinned) {
    state.index = index;
    state.pinned = pinned;
    const outline = find("outline");
    outline.hidden = index < 0;
    find("intro").hidden = index >= 0;
    find("cell").hidden = index < 0;
    if (index < 0) return;
    const level = state.level;
    const percent = (cells) => (cells / level.grid) * 100 + "%";
    outline.style.left = percent(level.x[index]);
    outline.style.top = percent(level.y[index]);
    outline.style.width = outline.style.height = percent(1);
    outline.classList.toggle("pinned", pinned);
    find("panel").classList.toggle("pinned", pinned);
    find("cell").replaceChildren(...details(level, index));
  }

  // ---- what is said of a cell --------------------------------------------------------------
  const address = (level, i) => `row ${level.y[i]}, column ${level.x[i]}`;
  const cosineText = (value) => (value === null ? "unknown" : value.toFixed(3));

  function details(level, i) {
    const icon = element("div", "icon");
    const place = (at) => (level.grid > 1 ? (at / (level.grid - 1)) * 100 : 0) + "%";
    icon.setAttribute("role", "img");
    icon.setAttribute("aria-label", "Icon of " + address(level, i));
    icon.style.backgroundImage = `url("${encoded(level.picture)}")`;
    icon.style.backgroundSize = `${level.grid * 100}% ${level.grid * 100}%`;
    icon.style.backgroundPosition = place(level.x[i]) + " " + place(level.y[i]);
    const where = fact("Place", address(level, i));
    where.title = `cell ${i} of the level's arrays; rows and columns count from 0`;
    const facts = element("dl", "facts", where,
      fact("Activations", whole(level.count[i])),
      fact("Cosine reached", cosineText(level.cosine[i])));
    const pin = element("p", "pin", state.pinned
      ? "Pinned: click it again or press Escape to release it." : "Click to pin it.");
    return [icon, facts, ...effects(level, i), pin];
  }

  const fact = (name, value) =>
    element("div", "", element("dt", "", name), element("dd", "", value));

  function effects(level, i) {
    const values = level.effects[i];
    const largest = Math.max(...values.map(Math.abs)); // null counts as 0
    const digits = largest > 0 ? Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(largest)))) : 2;
    const rows = values.map((value, at) => effect(level, level.classes[i][at], value, digits));
    const parts = [element("h3", "", "Effect on the class scores"),
      element("p", "sub", "Highest, in logits"),
      element("ul", "effects", ...rows.slice(0, level.highest))];
    if (rows.length > level.highest) {
      parts.push(element("p", "sub", "Lowest"),
        element("ul", "effects", ...rows.slice(level.highest)));
    }
    return parts;
  }

  function effect(level, index, value, digits) {
    const name = element("span", "name", atlas.class_names[index]);
    name.title = [atlas.wnids[index], atlas.class_names[index]].filter(Boolean).join(" ");
    const bar = element("span", value < 0 ? "negative" : "positive");
    bar.style.width = (Math.abs(value) / scaleOf(level)) * 50 + "%";
    return element("li", "", name, element("span", "number", signed(value, digits)),
      element("span", "bar", bar));
  }

  /** The largest effect of the level: with one scale, bars compare from cell to cell. */
  function scaleOf(level) {
    level.scale ??= level.effects.flat().reduce((most, v) => Math.max(most, Math.abs(v)), 0) || 1;
    return level.scale;
  }

  function signed(value, digits) {
    if (value === null) return "unknown";
    const size = Math.abs(value).toFixed(digits);
    return (Number(size) === 0 ? "" : value < 0 ? "−" : "+") + size;
  }

  function speak() {
    const { level, index } = state;
    find("spoken").textContent = `${address(level, index)}: ${whole(level.count[index])} ` +
      `activations, most for ${atlas.class_names[level.classes[index][0]]}`;
  }

  // ---- how it was made ---------------------------------------------------------------------
  function showRecord() {
    for (const [name, text] of atlas.made) {
      const said = name === "Command" ? element("code", "", text) : text;
      find("record").append(element("dt", "", name), element("dd", "", said));
    }
    find("raw").textContent = JSON.stringify(atlas.record, null, 2);
  }

  // ---- pointer and keyboard ----------------------------------------------------------------
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  function onPointerMove(event) {
    const index = cellAt(event);
    map.classList.toggle("over-cell", index >= 0);
    // A finger that passes scrolls the page; it selects by tapping.
    if (event.pointerType === "touch" || state.pinned || index < 0) return;
    if (index !== state.index) select(index, false);
  }

  function onClick(event) {
    const index = cellAt(event);
    if (index < 0) return select(state.index, false);
    select(index, !(state.pinned && index === state.index));
  }

  function onKey(event) {
    const arrow = ARROWS[event.key];
    const pins = event.key === "Enter" || event.key === " ";
    if ((!arrow && !pins) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault(); // the page would scroll
    if (state.index < 0) {
      select(middleCell(), false);
    } else if (pins) {
      select(state.index, !state.pinned);
    } else {
      const index = cellTowards(...arrow);
      if (index >= 0) select(index, state.pinned);
    }
    speak();
  }

  function start() {
    if (!atlas || !atlas.levels || atlas.levels.length === 0) {
      find("intro").hidden = true;
      return say("The file atlas.js is missing or damaged. Keep the whole run folder together, " +
                 "or run the experiment again to write it anew.");
    }
    document.title = atlas.name + " · activation atlas";
    find("title").textContent = atlas.name;
    showRecord();
    map.addEventListener("pointermove", onPointerMove);
    map.addEventListener("click", onClick);
    map.addEventListener("keydown", onKey);
    map.addEventListener("focus", () => {
      if (state.index >= 0 || !map.matches(":focus-visible")) return;
      select(middleCell(), false);
      speak();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && state.pinned) select(state.index, false);
    });
    window.addEventListener("hashchange", () => showLevel(levelOfHash()));
    showLevel(levelOfHash());
  }

  start();
})();
