// The stage: the image, large, and over it the map of a method or what is looked at.
import { button, el, segments, uid } from "../dom.ts";
import { type App, layerOf, ROOM, same, sayFocus, shortTarget } from "./app.ts";
import { show } from "./icons.ts";
import { AMOUNT } from "./permalink.ts";
import { heat, put, reveal, spotlight } from "./pixels.ts";
import { walks } from "./positions.ts";
import type { Overlay } from "./types.ts";
import { warnings } from "./words.ts";

export function createStage(app: App): HTMLElement {
  const { meta } = app.picture;
  const base = el("canvas", { width: 1, height: 1, class: "base", "aria-hidden": "true" });
  const map = el("canvas", { class: "over", "aria-hidden": "true", hidden: true });
  const light = el("canvas", { class: "over", "aria-hidden": "true", hidden: true });
  const frame = el("div", { class: "frame", hidden: true, "aria-hidden": "true" });
  const surface = el("div", {
    class: "surface",
    tabindex: "0",
    role: "application",
    "aria-roledescription": "image",
    "aria-label": `${meta.name}: walk over its positions with the arrow keys`,
  });
  const stage = el("div", { class: "stage" }, base, map, light, frame, surface);
  stage.style.setProperty("--ratio", String(meta.width / meta.height));
  const said = el("span");
  const warned = el("span", { class: "warned" });
  const hint = el("span", { class: "quiet" });
  const readout = el("p", { class: "readout" }, said, warned, hint);
  walks(app, surface, () => app.state.layer);
  let [drawn, painted] = ["", ""];

  function drawBase(): void {
    const name = app.state.grid && layerOf(app) ? `${app.state.layer}-grid` : "image";
    if (drawn !== name) void show(app, base, name);
    drawn = name;
  }

  function drawMap(): void {
    const { overlay, amount, method, target } = app.state;
    const values = app.maps?.[method]?.values;
    const on = Boolean(values) && overlay !== "none" && !app.focus();
    const key = [overlay, amount, method, target].join();
    if (values && on && key !== painted) {
      put(map, overlay === "colour" ? heat(values, amount, ROOM) : reveal(values, amount, ROOM.ground), meta.width, meta.height);
      painted = key; // looking at something and away again must not cost a painting
    }
    map.hidden = !on;
    const faded = on && overlay === "colour" ? amount : 0;
    base.style.filter = faded ? `grayscale(${Math.min(1, 1.5 * faded)})` : "";
    base.style.opacity = String(1 - 0.4 * faded);
    if (!app.focus()) say();
  }

  /** What lies over the image, and what speaks against believing it. */
  function say(): void {
    const { overlay, amount, method, target } = app.state;
    const { title, checks, signed } = app.picture.methods[method] ?? {};
    const name = shortTarget(app, target);
    const words = {
      colour: signed ? `${title}: what speaks for (blue) and against (orange) ${name}` : `${title}: what matters for ${name}`,
      reveal: `${title}: the ${Math.round(100 * amount)}\u2009% of pixels that ${signed ? "speak" : "matter"} most for ${name}`,
      none: "Point at the image to see what the network makes of a place",
    };
    said.textContent = title === undefined ? words.none : words[overlay];
    const against = checks && overlay !== "none" ? warnings(checks[target]) : [];
    warned.textContent = against.map((text) => ` It ${text}.`).join("");
    hint.textContent = "";
  }

  function drawLight(): void {
    const focus = app.focus();
    const lights = app.lights();
    const position = focus?.kind === "position";
    frame.hidden = !position;
    if (!focus || !lights) return void (light.hidden = true);
    said.textContent = sayFocus(app, focus);
    warned.textContent = "";
    hint.textContent = same(focus, app.state.pin) ? "" : " \u00b7 click to keep it lit";
    const { rows, columns } = app.picture.layers[focus.layer];
    if (position) {
      const [row, column] = [Math.floor(focus.at / columns), focus.at % columns];
      Object.assign(frame.style, {
        left: `${(100 * column) / columns}%`,
        top: `${(100 * row) / rows}%`,
        width: `${100 / columns}%`,
        height: `${100 / rows}%`,
      });
    }
    put(light, position ? null : spotlight(lights[focus.layer].positions, ROOM), columns, rows);
  }

  function update(): void {
    drawBase();
    drawMap();
    drawLight();
  }
  for (const name of ["state", "focus", "maps"] as const) app.on(name, update);
  update();
  return el("section", { class: "seen", "aria-label": "The image" }, stage, readout, createControls(app));
}

/** Which map lies over the image, how, and how much of it. */
function createControls(app: App): HTMLElement {
  const { methods } = app.picture;
  const choice = el(
    "select",
    { "aria-label": "Saliency method" },
    ...methods.map((method, i) => el("option", { value: i }, method.title)),
  );
  choice.addEventListener("change", () => app.set({ method: Number(choice.value) }));
  const overlays = segments<Overlay>(
    "What lies over the image",
    [["colour", "Colours"], ["reveal", "Strongest pixels"], ["none", "Nothing"]],
    () => app.state.overlay,
    (overlay) => app.set({ overlay, amount: AMOUNT[overlay] }),
  );
  const id = uid("amount");
  const slider = el("input", { type: "range", id, min: 0, max: 100, step: 1 });
  slider.addEventListener("input", () => app.set({ amount: Number(slider.value) / 100 }));
  const label = el("label", { for: id });
  const number = el("output", { for: id });
  const row = el("div", { class: "slide" }, label, slider, number);
  const grid = button("", null, () => app.set({ grid: !app.state.grid }), { class: "ghost" });

  function update(): void {
    const { overlay, amount, method } = app.state;
    choice.value = String(method);
    overlays.update();
    row.hidden = overlay === "none";
    label.textContent = overlay === "reveal" ? "Share shown" : "Strength";
    slider.value = String(Math.round(100 * amount));
    number.textContent = `${Math.round(100 * amount)}\u2009%`;
    const layer = layerOf(app);
    grid.hidden = !layer;
    grid.textContent = `As ${layer?.name} sees it`;
    grid.setAttribute("aria-pressed", String(app.state.grid));
  }
  app.on("state", update);
  update();
  const chooser = el("div", { class: "choose" }, methods.length ? choice : null, grid);
  return el("div", { class: "controls" }, chooser, ...(methods.length ? [overlays.element, row] : []));
}
