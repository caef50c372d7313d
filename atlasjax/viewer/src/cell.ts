// The panel of a cell: its icon, what it does to the class scores, and real patches of images.
import { address, type App, digitsFor, hasClasses, NO_CLASSES, signed, whole } from "./app.ts";
import { copy } from "./dialog.ts";
import { button, el, glyph } from "./dom.ts";
import { addressOf, canExplain, commandFor } from "./explained.ts";
import { drawIcon, drawPatch } from "./icons.ts";
import { fullName } from "./labels.ts";
import type { Shading } from "./shading.ts";
import type { Cells, Column, LevelMeta } from "./types.ts";

const ICON = 224; // px
const NO_CLASS = "No class: what lies here speaks against all of them.";
const SMALL =
  "No region of this layer stands out from its noise: what one place does to a class is little " +
  "against what the layer does as a whole.";
const DWELL = 90; // ms; a pointer that only passes loads nothing

export function createCellPanel(app: App, shading: Shading): HTMLElement {
  const element = el("aside", { class: "panel cell", "aria-label": "Cell", hidden: true, tabindex: "-1" });
  const icon = el("canvas", { width: ICON * 2, height: ICON * 2, class: "icon", role: "img" });
  let shown = "";

  function update(): void {
    const cells = app.cells();
    const pinned = app.pinned();
    const cell = pinned >= 0 ? pinned : app.hovered;
    element.hidden = !cells || cell < 0;
    if (!cells || cell < 0) return void (shown = "");
    const { level: meta } = app;
    const key = `${meta.name} ${cell} ${pinned}`;
    const same = shown === key;
    shown = key;
    element.classList.toggle("pinned", pinned >= 0);
    icon.setAttribute("aria-label", `Icon of ${address(cells, cell)}`);
    const focused = element.contains(document.activeElement);
    element.replaceChildren(...contents(app, shading, cells, meta, cell, pinned >= 0, icon));
    if (focused) element.focus({ preventScroll: true });
    if (!same) drawIcon(app, icon, meta, cells.x[cell], cells.y[cell], pinned >= 0 ? 0 : DWELL);
  }
  for (const name of ["cell", "state", "level", "shade", "explained", "theme"] as const) app.on(name, update);
  return element;
}

function contents(
  app: App,
  shading: Shading,
  cells: Cells,
  meta: LevelMeta,
  cell: number,
  pinned: boolean,
  icon: HTMLCanvasElement,
): HTMLElement[] {
  const place = el("h2", { class: "place" }, address(cells, cell));
  const close = pinned
    ? button("Release the pinned cell", "close", () => app.set({ pin: null }))
    : el("span", { class: "quiet hint" }, "click to pin");
  const facts = el(
    "dl",
    { class: "facts" },
    fact("Layer", `${meta.layer}, ${meta.grid} \u00d7 ${meta.grid}`),
    fact("Activations", whole(cells.count[cell])),
    fact("Cosine reached", Number.isFinite(cells.cosine[cell]) ? cells.cosine[cell].toFixed(3) : "unknown"),
  );
  const parts: (HTMLElement | null)[] = [
    el("div", { class: "bar-top" }, place, close),
    icon,
    patches(app, cells, meta, cell, pinned),
    pinned ? howToExplain(app, cells, meta, cell) : null,
    facts,
    chosen(app, shading, meta, cell),
    effects(app, cells, cell),
    pinned ? python(app, meta, cell) : null,
  ];
  return parts.filter((part): part is HTMLElement => part !== null);
}

const fact = (name: string, value: string): HTMLElement =>
  el("div", {}, el("dt", {}, name), el("dd", {}, value));

/** One class with its effect, as a bar from the middle. */
function row(app: App, cls: number, value: number, largest: number, digits: number, mark = ""): HTMLElement {
  const { index } = app.store;
  const named = fullName(index, cls);
  const bar = el("span", { class: value < 0 ? "negative" : "positive" });
  bar.style.width = `${Math.min(1, Math.abs(value) / largest) * 50}%`;
  const name = el("button", {
    type: "button",
    class: `name ${mark}`,
    title: [index.wnids[cls], named, "\u2013 shade the map by it"].filter(Boolean).join(" "),
  }, named);
  name.addEventListener("click", () => app.set({ classA: cls, classB: null }));
  return el("li", {}, name, el("span", { class: "number" }, signed(value, digits)), el("span", { class: "effect" }, bar));
}

function effects(app: App, cells: Cells, cell: number): HTMLElement {
  if (!hasClasses(app)) return el("p", { class: "quiet note" }, NO_CLASSES);
  const count = cells.highest + cells.lowest;
  const from = cell * count;
  const values = [...cells.effects.subarray(from, from + count)];
  const classes = [...cells.classes.subarray(from, from + count)];
  const digits = digitsFor(Math.max(...values.map((value) => Math.abs(value) || 0)));
  const rows = values.map((value, i) => row(app, classes[i], value, cells.largestEffect, digits));
  const positive = rows.slice(0, cells.highest).filter((_, i) => values[i] > 0);
  const none = el("p", { class: "quiet note" }, NO_CLASS);
  const high = positive.length ? el("ul", { class: "effects" }, ...positive) : none;
  const low = el("ul", { class: "effects" }, ...rows.slice(cells.highest));
  return el(
    "div",
    {},
    el("h3", {}, "Speaks most for"),
    high,
    cells.lowest ? el("h3", {}, "Least for") : null,
    cells.lowest ? low : null,
    el("p", { class: "quiet note" }, "Effect on the class score, in logits"),
    cells.labels.length ? null : el("p", { class: "quiet note" }, SMALL),
  );
}

/** The effects on the classes that shade the map. */
function chosen(app: App, shading: Shading, meta: LevelMeta, cell: number): HTMLElement | null {
  const { classA, classB } = app.state;
  if (classA === null) return null;
  const classes = [classA, classB].filter((cls): cls is number => cls !== null);
  const columns = shading.columns(meta);
  if (columns.some((column) => !column)) return null;
  const known = columns as Column[];
  const largest = Math.max(...known.flatMap(({ least, most }) => [Math.abs(least), Math.abs(most)])) || 1;
  const values = known.map((column) => column.values[cell]);
  // They come rounded to a 127th of the largest, so a digit fewer is true.
  const digits = Math.max(0, digitsFor(Math.max(...values.map(Math.abs))) - 1);
  const rows = classes.map((cls, i) => row(app, cls, values[i], largest, digits, i ? "b" : "a"));
  return el("div", { class: "chosen" }, el("h3", {}, "Shaded by"), el("ul", { class: "effects" }, ...rows));
}

function patches(app: App, cells: Cells, meta: LevelMeta, cell: number, now: boolean): HTMLElement | null {
  const count = cells.patches?.[cell] ?? 0;
  if (!count || !meta.patches) return null;
  const drawn = Array.from({ length: count }, (_, j) => {
    const [made, canvas] = patch(app, meta, j, imageOf(cells, meta, cell, j));
    window.setTimeout(() => {
      if (canvas.isConnected) drawPatch(app, canvas, meta, cell, j).catch(() => made.remove());
    }, now ? 0 : DWELL);
    return made;
  });
  return el("div", { class: "patches", role: "group", "aria-label": "Real images that lie here" }, ...drawn);
}

/** The image that a patch is of; null where the run has not kept that. */
function imageOf(cells: Cells, meta: LevelMeta, cell: number, j: number): number | null {
  const image = cells.images?.[cell * meta.patches![0] + j] ?? -1;
  return image < 0 ? null : image;
}

/** One patch: a link where its image is explained. */
function patch(app: App, meta: LevelMeta, j: number, image: number | null): [HTMLElement, HTMLCanvasElement] {
  const [, height, width] = meta.patches!;
  const said = `Real image part ${j + 1}` + (image === null ? "" : `, of image ${image}`);
  const address = image === null ? null : addressOf(app, image);
  const canvas = el("canvas", address === null
    ? { width, height, role: "img", "aria-label": said }
    : { width, height, "aria-hidden": "true" });
  const number = image === null ? null : el("span", { class: "number" }, `image ${image}`);
  if (address === null) {
    number?.setAttribute("aria-hidden", "true"); // the picture's name has said it
    return [el("span", { class: "patch", title: said }, canvas, number), canvas];
  }
  const name = `${said}: explained`;
  return [el("a", { class: "patch", href: address, title: name, "aria-label": name }, canvas, glyph("open"), number), canvas];
}

/** How an image gets a page of its own, where none of the cell's has one. */
function howToExplain(app: App, cells: Cells, meta: LevelMeta, cell: number): HTMLElement | null {
  const count = cells.patches?.[cell] ?? 0;
  if (!count || !meta.patches || !canExplain(app)) return null;
  const images = Array.from({ length: count }, (_, j) => imageOf(cells, meta, cell, j));
  const first = images[0];
  if (first === null || images.some((image) => image !== null && app.explained.has(image))) return null;
  const { run, whole } = commandFor(app.source.folder ?? null, first);
  const copied = button("Copy", null, () => copy(whole, "Copied", "The browser did not allow copying", app.toast), {
    "aria-label": `Copy the command that explains image ${first}`,
  });
  const title = `Explains image ${first} on a page of its own: ${whole}`;
  const line = el("code", { title }, el("span", {}, "atlasjax explain "), el("span", { class: "run" }, run), el("span", {}, ` ${first}`));
  return el("p", { class: "explain-how quiet" }, line, copied);
}

function python(app: App, meta: LevelMeta, cell: number): HTMLElement {
  const text = `level = atlas.level(${JSON.stringify(meta.layer)}, ${meta.grid}); cell = ${cell}`;
  const copied = button("Copy", null, () => copy(text, "Copied", "The browser did not allow copying", app.toast));
  return el("details", { class: "python" }, el("summary", {}, "In Python"), el("code", {}, text), copied);
}
