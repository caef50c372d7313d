// The page of a unit: what it looks for, what makes it fire, and what it is made from.
import { bars, largestOf, type Row } from "../bars.ts";
import { el } from "../dom.ts";
import { fullName } from "../labels.ts";
import type { App, Shown } from "./app.ts";
import { createEdges } from "./edges.ts";
import { sheetOf, unitHash, USUAL, writeHash } from "./permalink.ts";
import { histogram, short, tuning } from "./plots.ts";
import { patch, shot } from "./sprites.ts";
import { familiesOf, known, nameOf, percent, refText } from "./store.ts";
import type { Layer, Ref, Unit } from "./types.ts";

export function createUnit(app: App, { layer: of, unit: number }: Ref): Shown {
  const ref = { layer: of, unit: number }; // and not what kind of view it comes from
  const layer = app.store.layer(ref.layer)!;
  const at = app.store.at(ref);
  const name = nameOf(app.store, ref);
  const story = el("div", { class: "story" }, el("p", { class: "quiet late", role: "status" }, "Reading the unit\u2026"));
  const cells = el("div", { class: "cells", hidden: true });
  const left = el("div", { class: "left" }, createShots(app, layer, ref.unit), createFacts(app, layer, at), cells);
  app.store.unit(ref).then(
    (unit) => {
      story.replaceChildren(...(unit ? createStory(app, layer, at, unit) : []));
      fillCells(cells, unit);
    },
    (error: Error) => story.replaceChildren(el("p", { class: "panel failed", role: "alert" }, error.message)),
  );
  const head = el(
    "div",
    { class: "section-head" },
    el("div", { class: "titles" }, el("h1", { tabindex: "-1" }, refText(ref)), name ? el("p", { class: "given" }, name) : null),
    el("div", { class: "choose" }, createSteps(app, layer, at), circuitLink(app, layer, ref)),
  );
  return { element: el("div", { class: "unit" }, head, el("div", { class: "both" }, left, story)), title: [refText(ref), name].filter(Boolean).join(" \u00b7 ") };
}

/** The unit before and the unit after, as they are listed. */
export function neighbour(layer: Layer, at: number, step: number): Ref {
  const count = layer.number.length;
  return { layer: layer.name, unit: layer.number[(at + step + count) % count] };
}

function createSteps(app: App, layer: Layer, at: number): HTMLElement | null {
  if (layer.number.length < 2) return null;
  const step = (by: number, sign: string, word: string): HTMLElement => {
    const ref = neighbour(layer, at, by);
    return el("a", { class: "ghost", href: unitHash(ref), title: `${word}: ${refText(ref)}`, "aria-label": `${word}: ${refText(ref)}` }, sign);
  };
  const sheet = el("a", { class: "ghost", href: writeHash(sheetOf(app.store, layer.name), app.store) }, "All units");
  return el("nav", { class: "steps", "aria-label": "Units" }, step(-1, "\u2190", "Unit before"), sheet, step(1, "\u2192", "Unit after"));
}

function circuitLink(app: App, layer: Layer, ref: Ref): HTMLElement | null {
  if (!layer.inputs.length) return null;
  return el("a", { class: "ghost", href: writeHash({ ...ref, ...USUAL, kind: "circuit" }, app.store) }, "Circuit");
}

const SHOWS = { positive: "what it looks for", negative: "what makes it least", diverse: "" } as const;

function createShots(app: App, layer: Layer, unit: number): HTMLElement | null {
  if (!layer.shots.length) return null;
  const figure = (kind: Layer["shots"][number], at: number): HTMLElement =>
    el("figure", {}, shot(app, layer, unit, at, SHOWS[kind] || `another way, ${at}`), SHOWS[kind] ? el("figcaption", { class: "quiet" }, SHOWS[kind]) : null);
  const made = layer.shots.map((kind, at) => ({ kind, element: figure(kind, at) }));
  const of = (diverse: boolean): HTMLElement[] => made.filter(({ kind }) => (kind === "diverse") === diverse).map(({ element }) => element);
  const others = of(true);
  return el(
    "div",
    { class: "shots" },
    el("div", { class: "large" }, ...of(false)),
    others.length > 0 && el("div", { class: "others" }, el("h2", {}, "Diverse ways to the same"), el("div", { class: "row" }, ...others)),
  );
}

function createFacts(app: App, layer: Layer, at: number): HTMLElement | null {
  const families = familiesOf(layer, layer.number[at]);
  const fires = layer.fires?.[at];
  const classes = layer.known?.[at]?.slice(0, 1).map((cls) => app.store.index.short_names[cls]) ?? [];
  const facts: [string, string][] = [
    [families.length > 1 ? "Families" : "Family", families.join(", ")],
    ["Branch", layer.branch[at] ?? ""],
    ["Fires", known(fires) ? `at ${percent(fires)} of positions` : ""],
    ["Most for", classes.join("")],
  ];
  const rows = facts.filter(([, value]) => value).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  return rows.length ? el("dl", { class: "facts" }, ...rows) : null;
}

function fillCells(holder: HTMLElement, unit: Unit | null): void {
  if (!unit?.cells.length) return;
  const links = unit.cells.map(([grid, cell, address]) => el("li", {}, el("a", { href: address }, `cell ${cell} at ${grid} \u00d7 ${grid}`)));
  holder.hidden = false;
  holder.replaceChildren(el("h2", {}, "Where it is strongest in the atlas"), el("ul", {}, ...links));
}

function createStory(app: App, layer: Layer, at: number, unit: Unit): HTMLElement[] {
  return [
    createPatches(app, layer, layer.number[at], unit),
    createPlots(layer, at, unit),
    createEdges(app, "Strongest inputs", "From", layer.inputs, unit.inputs),
    createEdges(app, "Strongest outputs", "To", layer.outputs, unit.outputs),
    createClasses(app, unit),
  ].filter((part) => part !== null);
}

function createPatches(app: App, layer: Layer, unit: number, { patches }: Unit): HTMLElement | null {
  let first = 0;
  const rows = layer.patches.flatMap(({ title, count }, row) => {
    const { image, value, label } = patches[row];
    const from = first;
    first += count;
    const there = image.flatMap((number, i) => {
      if (number < 0) return [];
      const said = known(value[i]) ? short(value[i]) : "";
      const name = [label[i] || `image ${number}`, said].filter(Boolean).join(", ");
      return [el("li", { title: name }, patch(app, layer, unit, from + i, name), el("span", { class: "quiet", "aria-hidden": "true" }, said))];
    });
    return there.length ? [el("div", {}, el("h3", {}, title), el("ul", { class: "patches" }, ...there))] : [];
  });
  return rows.length ? el("section", { class: "examples", "aria-label": "Examples" }, el("h2", {}, "Examples"), ...rows) : null;
}

function createPlots(layer: Layer, at: number, unit: Unit): HTMLElement | null {
  const plots = [
    unit.histogram && histogram(unit.histogram, layer.fires?.[at]),
    ...layer.tuning.map((meta, i) => tuning(meta, unit.tuning[i], meta.preferred[at])),
  ].filter((plot) => plot !== null);
  return plots.length ? el("section", { "aria-label": "Values and tuning" }, el("h2", {}, "Values and tuning"), el("div", { class: "plots" }, ...plots)) : null;
}

const HIGHEST = 6; // as data.py has it; what follows are the smallest

function createClasses(app: App, { classes }: Unit): HTMLElement | null {
  if (!classes.length) return null;
  const rows: Row[] = classes.map(([cls, value]) => ({ name: fullName(app.store.index, cls), value, chosen: false }));
  const largest = largestOf(rows);
  const half = Math.min(HIGHEST, rows.length);
  const more = rows.slice(half);
  return el(
    "section",
    { class: "classes", "aria-label": "Classes" },
    el("h2", {}, "Classes it speaks for"),
    el("p", { class: "quiet note" }, "Mean value over the images of each class: the largest", more.length ? ", and the smallest." : "."),
    bars(rows.slice(0, half), largest),
    more.length > 0 && bars(more, largest),
  );
}

