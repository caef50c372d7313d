// Weights: the units at their other ends as cards, with heat maps of the kernels.
import { digitsFor, signed } from "../app.ts";
import { el } from "../dom.ts";
import { put } from "../explain/pixels.ts";
import { colourOf, PALETTES } from "../shade.ts";
import type { App } from "./app.ts";
import { unitHash } from "./permalink.ts";
import { icon } from "./sprites.ts";
import { known, nameOf, refText } from "./store.ts";
import type { Between, Edges, Maybe } from "./types.ts";

export const IDLE = "idle: ablating it does nothing";

/** Colours of a kernel: blue excites, orange inhibits, the stronger the more of it is seen. */
export function heat(kernel: Float32Array, largest: number): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * kernel.length);
  kernel.forEach((value, i) => {
    const [r, g, b] = colourOf(value < 0 ? 1 : 0, PALETTES.dark);
    const strength = largest > 0 ? Math.min(1, Math.abs(value) / largest) : 0;
    pixels.set([r, g, b, Math.round(255 * strength ** 0.8)], 4 * i);
  });
  return pixels;
}

export const largestOf = (values: ArrayLike<Maybe>): number =>
  Array.from(values).reduce<number>((most, value) => Math.max(most, Math.abs(value ?? 0)), 0);

/** One section for each layer at the other end. */
export function createEdges(app: App, title: string, word: string, between: Between[], all: Edges[]): HTMLElement | null {
  const parts = between.flatMap((one, i) => (all[i]?.unit.length ? [createLayer(app, word, one, all[i])] : []));
  if (!parts.length) return null;
  return el(
    "section",
    { class: "weights", "aria-label": title },
    el("h2", {}, title),
    el("p", { class: "quiet note" }, el("i", { class: "swatch positive" }), "excites, ", el("i", { class: "swatch negative" }), "inhibits. Beside each icon is the kernel, by displacement; its sum is the weight."),
    ...parts,
  );
}

function createLayer(app: App, word: string, between: Between, edges: Edges): HTMLElement {
  const largest = edges.kernel.reduce((most, kernel) => Math.max(most, largestOf(kernel)), 0);
  const cards = edges.unit.map((_, i) => el("li", {}, createCard(app, between, edges, i, largest)));
  return el("div", { class: "between" }, el("h3", {}, `${word} ${between.layer}`), el("ul", { class: "cards" }, ...cards));
}

function createCard(app: App, between: Between, edges: Edges, i: number, largest: number): HTMLElement {
  const ref = { layer: between.layer, unit: edges.unit[i] };
  const at = app.store.at(ref);
  const idle = edges.idle?.[i] === true;
  const canvas = el("canvas", { class: "kernel", "aria-hidden": "true" });
  put(canvas, heat(edges.kernel[i], largest), between.width, between.height);
  canvas.style.aspectRatio = `${between.width} / ${between.height}`;
  const name = nameOf(app.store, ref);
  const facts = el("dl", { class: "facts" }, ...factsOf(edges, i));
  const parts = [
    el("span", { class: "pair" }, icon(app, app.store.layer(ref.layer), at), el("span", { class: "where" }, canvas)),
    el("span", { class: "title" }, el("span", { class: "unseen" }, `${ref.layer}:`), String(ref.unit), name ? el("span", { class: "name quiet" }, ` ${name}`) : null),
  ];
  const link = at >= 0
    ? el("a", { class: "to", href: unitHash(ref) }, ...parts)
    : el("div", { class: "to", title: `${refText(ref)} has no page in this site` }, ...parts);
  return el("div", { class: idle ? "card idle" : "card" }, link, facts, idle && el("p", { class: "quiet idle-note" }, IDLE));
}

function factsOf(edges: Edges, i: number): HTMLElement[] {
  const rows: [string, string, (Maybe)[] | null][] = [
    ["weight", "Sum of the kernel", edges.weight],
    ["in use", "Mean over images of the gradient times the source", edges.contribution],
    ["ablated", "What ablating this edge takes from the target, on average", edges.effect],
  ];
  return rows.flatMap(([name, about, values]) => {
    const value = values?.[i];
    if (!values || !known(value)) return [];
    const said = signed(value, digitsFor(largestOf(values)));
    return [el("div", { title: about }, el("dt", {}, name), el("dd", { class: value < 0 ? "negative" : value > 0 ? "positive" : null }, said))];
  });
}
