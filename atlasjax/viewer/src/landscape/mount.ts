// Mount: the page of loss surfaces in an element, from a source.
import { recordOf } from "../dialog.ts";
import { el, segments, tick } from "../dom.ts";
import { DataError } from "../store.ts";
import { isDark, prefersDark, rememberedTheme } from "../theme.ts";
import type { Source } from "../types.ts";
import { gradient } from "./colours.ts";
import { type Index, type Measure, nearest, readIndex, said, type Scale, scaleOf, sliceOf, type Surface } from "./data.ts";
import { drawCurve, drawFlat, type Flat } from "./flat.ts";
import { type Angles, drawTurned } from "./turned.ts";

const TURN = 0.01; // radians a px
const STEP = 0.12; // radians a key
const KEYS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP],
};

export async function mount(element: HTMLElement, source: Source): Promise<void> {
  const root = el("div", { class: "atlasjax landscape" }, el("p", { role: "status" }, "Reading the surfaces\u2026"));
  element.replaceChildren(root);
  const recolour = (): void => void (root.dataset["theme"] = isDark(rememberedTheme()) ? "dark" : "light");
  recolour();
  try {
    const redraw = show(root, source, await readIndex(source));
    prefersDark().addEventListener("change", () => (recolour(), redraw()));
    new ResizeObserver(redraw).observe(root);
  } catch (error) {
    const text = error instanceof DataError ? error.message : `The surfaces cannot be read: ${String(error)}`;
    root.replaceChildren(el("p", { class: "panel fatal", role: "alert" }, text));
  }
}

interface State {
  measure: Measure;
  angles: Angles;
  third: number;
  together: boolean;
}

/** Show everything; returns what draws it again. */
function show(root: HTMLElement, source: Source, index: Index): () => void {
  const places = index.surfaces[0].places;
  const dimensions = places.length;
  const third = places[2] ? nearest(places[2], 0) : 0;
  const state: State = { measure: "loss", angles: { around: 0.7, above: 0.6 }, third, together: true };
  const draws: (() => void)[] = [];
  const redraw = (): void => draws.forEach((draw) => draw());
  const bar = createScale();
  const scale = (surface: Surface): Scale => scaleOf(state.together ? index.surfaces : [surface], state.measure);
  const measures = segments<Measure>("What is drawn", [["loss", "Loss"], ["accuracy", "Accuracy"]], () => state.measure, (value) => {
    state.measure = value;
    measures.update();
    redraw();
  });
  const one = tick("One scale for all", () => state.together, (on) => ((state.together = on), redraw()));
  const sections = index.surfaces.map((surface) => createSection(surface, state, () => scale(surface), draws, redraw));
  draws.push(() => bar.update(scale(index.surfaces[0]), state.measure, state.together || index.surfaces.length === 1));
  root.replaceChildren(
    el("header", { class: "top" },
      el("h1", {}, "Loss landscape"),
      el("div", { class: "choose" },
        measures.element,
        index.surfaces.length > 1 && one.element,
        dimensions === 3 && createThird(index.surfaces[0], state, redraw)),
      dimensions > 1 && bar.element),
    el("main", { class: "surfaces" }, ...sections),
    createFoot(index, source),
  );
  redraw();
  return redraw;
}

function createSection(surface: Surface, state: State, scale: () => Scale, draws: (() => void)[], redraw: () => void): HTMLElement {
  const reading = el("p", { class: "reading", "aria-live": "polite" });
  const rest = "Point at the surface to read it.";
  reading.textContent = rest;
  const label = `${state.measure} of ${surface.name} over ${surface.axes.join(" and ")}`;
  const above = el("canvas", { class: "flat", role: "img", "aria-label": label });
  let flat: Flat | null = null;
  draws.push(() => {
    const slice = sliceOf(surface, state.measure, state.third);
    flat = surface.places.length === 1 ? drawCurve(above, slice, scale()) : drawFlat(above, surface, slice, scale());
  });
  above.addEventListener("pointermove", (event) => {
    const place = flat?.place(event.offsetX, event.offsetY);
    reading.textContent = place ? readAt(surface, state, place) : rest;
  });
  above.addEventListener("pointerleave", () => (reading.textContent = rest));
  const figures = [el("figure", {}, above, el("figcaption", { class: "quiet" }, surface.axes.slice(0, 2).map((axis, k) => `${k ? "up" : "across"}: ${axis}`).join("; ")))];
  if (surface.places.length > 1) figures.push(createTurned(surface, state, scale, draws, redraw));
  return el("section", { "aria-label": surface.name }, el("h2", {}, surface.name), el("div", { class: "views" }, ...figures), reading);
}

function createTurned(surface: Surface, state: State, scale: () => Scale, draws: (() => void)[], redraw: () => void): HTMLElement {
  const canvas = el("canvas", { class: "turned", tabindex: "0", role: "img", "aria-label": `${surface.name} from aside; arrow keys turn it` });
  draws.push(() => drawTurned(canvas, surface, sliceOf(surface, state.measure, state.third), scale(), state.angles, state.measure));
  const turn = (around: number, above: number): void => {
    const bounded = Math.min(Math.max(state.angles.above + above, 0.05), 1.5);
    state.angles = { around: state.angles.around + around, above: bounded };
    requestAnimationFrame(redraw);
  };
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) turn(event.movementX * TURN, event.movementY * TURN);
  });
  canvas.addEventListener("keydown", (event) => {
    const by = KEYS[event.key];
    if (!by) return;
    event.preventDefault();
    turn(...by);
  });
  return el("figure", {}, canvas, el("figcaption", { class: "quiet" }, "Drag, or use the arrow keys, to turn it"));
}

/** What is said of the point of the grid that is nearest, and of the checkpoint there. */
export function readAt(surface: Surface, state: { third: number }, [x, y]: readonly [number, number]): string {
  const [i, j] = [nearest(surface.places[0], x), surface.places[1] ? nearest(surface.places[1], y) : 0];
  const at = (measure: Measure): number => sliceOf(surface, measure, state.third).at(i, j);
  const where = [surface.places[0][i], surface.places[1]?.[j]].filter((v) => v !== undefined).map(said).join(", ");
  const text = `at ${where}: loss ${said(at("loss"))}, accuracy ${(100 * at("accuracy")).toFixed(1)}\u2009%`;
  const near = checkpointAt(surface, x, y);
  return near === null ? text : `${text}; ${near}`;
}

function checkpointAt(surface: Surface, x: number, y: number): string | null {
  const { path, places } = surface;
  if (!path || places.length !== 2) return null;
  const [wide, high] = places.map((p) => (p[p.length - 1] - p[0]) / 40);
  const found = path.names.findIndex((_, i) => Math.abs(path.at[2 * i] - x) < wide && Math.abs(path.at[2 * i + 1] - y) < high);
  if (found < 0) return null;
  return `${path.names[found]} itself: loss ${said(path.loss[found])}, accuracy ${(100 * path.accuracy[found]).toFixed(1)}\u2009%, ${(100 * path.aside[found]).toFixed(0)}\u2009% of its distance aside`;
}

function createThird(surface: Surface, state: State, redraw: () => void): HTMLElement {
  const places = surface.places[2];
  const shown = el("output", {}, said(places[state.third]));
  const slider = el("input", { type: "range", min: 0, max: places.length - 1, value: state.third });
  slider.addEventListener("input", () => {
    state.third = Number(slider.value);
    shown.textContent = said(places[state.third]);
    redraw();
  });
  return el("label", { class: "third" }, surface.axes[2], slider, shown);
}

function createScale(): { element: HTMLElement; update(scale: Scale, measure: Measure, common: boolean): void } {
  const [low, high] = [el("span"), el("span")];
  const bar = el("span", { class: "gradient" });
  bar.style.background = gradient();
  const element = el("div", { class: "scale" }, low, bar, high);
  return {
    element,
    update(scale, measure, common) {
      element.hidden = !common;
      low.textContent = `${measure} ${said(scale.low)}`;
      high.textContent = measure === "loss" ? `${said(scale.high)}, by its logarithm` : said(scale.high);
    },
  };
}

function createFoot(index: Index, source: Source): HTMLElement {
  const link = (path: string, text: string): HTMLElement | null => {
    const address = source.link(path);
    return address === null ? null : el("a", { href: address, download: "" }, text);
  };
  const drawn = index.figures.flatMap((name) => [link(`figures/${name}.png`, `${name}.png`), link(`figures/${name}.svg`, `${name}.svg`)]);
  const files = [link("landscape.npz", "every number, for NumPy"), ...drawn].filter((file) => file !== null);
  return el(
    "footer",
    { class: "foot" },
    index.notes.length > 0 && el("section", { "aria-label": "Notes" }, el("h2", {}, "Notes"), el("ul", { class: "notes" }, ...index.notes.map((note) => el("li", {}, note)))),
    files.length > 0 && el("section", { "aria-label": "Downloads" }, el("h2", {}, "To take away"), el("ul", {}, ...files.map((file) => el("li", {}, file)))),
    el("section", { "aria-label": "Record" }, el("h2", {}, "How it was made"), recordOf(index.made, index.record)),
  );
}
