// The page of a circuit: a unit at the right, its strongest inputs to the left.
import { el, segments, uid, button } from "../dom.ts";
import { isDark } from "../theme.ts";
import type { App, Shown } from "./app.ts";
import { asPng, coloursOf, drawCircuit, type Drawn, PAPER } from "./diagram.ts";
import { type Circuit, circuitOf } from "./graph.ts";
import { DEPTHS, MOST, unitHash } from "./permalink.ts";
import { nameOf, refText } from "./store.ts";
import type { Ref, View } from "./types.ts";

const LEAST = 0.8; // of its size: where a window is narrower, it is scrolled; names must be read

export function createCircuit(app: App, view: Extract<View, { kind: "circuit" }>): Shown {
  const ref = { layer: view.layer, unit: view.unit };
  const board = el("div", { class: "board", role: "region", "aria-label": `Circuit of ${refText(ref)}`, tabindex: "0" }, el("p", { class: "quiet late", role: "status" }, "Reading the units\u2026"));
  let paint: (() => void) | null = null;
  const save = button("Save as SVG", null, () => undefined, { class: "ghost", disabled: true });
  read(app, view).then(
    ({ found, thumbs }) => {
      const drawn = drawnOf(app, thumbs);
      paint = () => {
        const svg = drawCircuit(found, drawn, coloursOf(isDark(app.theme) ? "dark" : "light"));
        svg.style.minWidth = `${LEAST * Number(svg.getAttribute("width"))}px`;
        board.replaceChildren(svg);
      };
      paint();
      board.scrollLeft = board.scrollWidth; // the unit itself is at the right
      save.disabled = false;
      save.addEventListener("click", () => void store(app, found, thumbs, `${refText(ref).replace(/[^A-Za-z0-9_-]+/g, "-")}-circuit.svg`));
    },
    (error: Error) => board.replaceChildren(el("p", { class: "panel failed", role: "alert" }, error.message)),
  );
  const name = nameOf(app.store, ref);
  const head = el(
    "div",
    { class: "section-head" },
    el("div", { class: "titles" }, el("h1", { tabindex: "-1" }, `Circuit of ${refText(ref)}`), name ? el("p", { class: "given" }, name) : null),
    el("div", { class: "choose" }, el("a", { class: "ghost", href: unitHash(ref) }, "The unit"), save),
  );
  return { element: el("div", { class: "of-circuit" }, head, createControls(app, view), board), title: `Circuit of ${refText(ref)}`, theme: () => paint?.() };
}

function createControls(app: App, view: Extract<View, { kind: "circuit" }>): HTMLElement {
  const change = (patch: Partial<typeof view>, at: string): void => {
    app.go({ ...view, ...patch }, true);
    app.root.querySelector<HTMLElement>(at)?.focus();
  };
  const depth = segments("Steps back", DEPTHS.map((one) => [one, String(one)] as const), () => view.depth, (one) => change({ depth: one }, ".depth [aria-pressed=true]"));
  const id = uid("most");
  const select = el("select", { id, class: "most" }, ...MOST.map((one) => el("option", { value: String(one), selected: one === view.most }, String(one))));
  select.addEventListener("change", () => change({ most: Number(select.value) }, ".most"));
  return el(
    "div",
    { class: "controls" },
    el("div", { class: "choose depth" }, el("span", { class: "quiet", "aria-hidden": "true" }, "Steps back"), depth.element),
    el("div", { class: "choose" }, el("label", { for: id, class: "quiet" }, "Inputs from each layer"), select),
    el("p", { class: "quiet note" }, el("i", { class: "swatch positive" }), "excites, ", el("i", { class: "swatch negative" }), "inhibits; wide: strong among those of two layers; dashed: ablating it does nothing."),
  );
}

async function read(app: App, view: Extract<View, { kind: "circuit" }>): Promise<{ found: Circuit; thumbs: Map<string, string> }> {
  const found = await circuitOf(app.store, { layer: view.layer, unit: view.unit }, view.depth, view.most);
  const refs = found.columns.flatMap(({ units }) => units);
  const units = await Promise.all(refs.map((ref) => app.store.unit(ref)));
  const thumbs = new Map<string, string>();
  units.forEach((unit, i) => {
    if (unit?.thumb) thumbs.set(refText(refs[i]), `data:image/webp;base64,${unit.thumb}`);
  });
  return { found, thumbs };
}

const drawnOf = (app: App, icons: Map<string, string>, links = true): Drawn => ({
  icon: (ref) => icons.get(refText(ref)) ?? null,
  name: (ref) => nameOf(app.store, ref),
  page: (ref: Ref) => (links && app.store.at(ref) >= 0 ? unitHash(ref) : null),
});

async function store(app: App, found: Circuit, thumbs: Map<string, string>, name: string): Promise<void> {
  const made = await Promise.all([...thumbs].map(async ([key, address]) => [key, await asPng(address)] as const));
  const svg = drawCircuit(found, drawnOf(app, new Map(made), false), PAPER);
  const blob = new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" });
  const address = URL.createObjectURL(blob);
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
  app.toast(`Saved ${name}`);
}
