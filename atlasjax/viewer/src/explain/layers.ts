// Layers side by side: the grid of each, its groups, and the lines of attribution between them.
import { button, el, segments } from "../dom.ts";
import { type App, effectsOn, ROOM, same, shortTarget } from "./app.ts";
import { drawLines, type Line } from "./lines.ts";
import { glow } from "./groups.ts";
import { icon, whole } from "./icons.ts";
import { put, shaded } from "./pixels.ts";
import { standsFor, walks } from "./positions.ts";
import { digitsFor, signed } from "../app.ts";
import type { Focus, Shade } from "./types.ts";

interface Column {
  element: HTMLElement;
  icons: HTMLElement[];
  light(): void;
}

export function createLayers(app: App): HTMLElement {
  const columns = app.picture.layers.map((_, i) => createColumn(app, i));
  const ends = createEnds(app);
  const board = el("div", { class: "board" }, ...columns.map((column) => column.element), ends.element);
  board.style.setProperty("--layers", String(columns.length));
  const shades = segments<Shade>(
    "What the grids are shaded by",
    [["effect", "Effect"], ["norm", "Strength"], ["none", "Plain"]],
    () => app.state.shade,
    (shade) => app.set({ shade }),
  );
  const lines = drawLines(app, board, () => linesOf(app, columns, ends.buttons));
  function light(): void {
    columns.forEach((column) => column.light());
    lines.light();
  }
  app.on("state", () => {
    shades.update();
    ends.update();
    light();
    lines.place();
  });
  app.on("focus", light);
  light();
  const several = columns.length > 1;
  const note =
    "Every tile is a position, drawn as what the network sees there. Point at one, and " +
    (several ? "what it takes from the layer before and gives to the one after lights up. " : "the groups at work there light up. ") +
    "Lines are the wider, the more the one does to the other; blue for, orange against.";
  return el(
    "section",
    { class: "flow", "aria-label": "Layers and the lines between them" },
    el("div", { class: "section-head" }, el("h2", {}, several ? "How it went on from layer to layer" : "Where in the image, and for what"), shades.element),
    el("p", { class: "quiet note" }, note),
    board,
  );
}

function createColumn(app: App, number: number): Column {
  const layer = app.picture.layers[number];
  const over = el("canvas", { class: "over cells", "aria-hidden": "true" });
  const frame = el("div", { class: "frame", "aria-hidden": "true" });
  const surface = el("div", {
    class: "surface",
    tabindex: "0",
    role: "application",
    "aria-roledescription": "grid of positions",
    "aria-label": `${layer.name}, ${layer.rows} by ${layer.columns} positions: walk with the arrow keys`,
  });
  walks(app, surface, () => number);
  const icons = layer.groups.names.map((name, at) => {
    const focus: Focus = { kind: "group", layer: number, at };
    const made = button("", null, () => undefined, { class: "node", "aria-label": nodeText(app, number, at), title: name });
    made.append(icon(app, number, "group", at));
    standsFor(app, made, focus);
    return made;
  });
  const name = button(layer.name, null, () => app.set({ layer: number, pin: null }), { class: "layer-name" });
  const element = el(
    "div",
    { class: "column" },
    name,
    el("div", { class: "grid" }, whole(app, `${number}-grid`), over, frame, surface),
    el("div", { class: "nodes" }, ...icons),
  );
  element.style.setProperty("--at", String(number + 1));
  const grid = element.querySelector<HTMLElement>(".grid")!;
  grid.style.aspectRatio = `${layer.columns} / ${layer.rows}`;

  function light(): void {
    const lights = app.lights()?.[number];
    const focus = app.focus();
    const { shade, target, layer: chosen, pin } = app.state;
    const tint = lights && focus?.layer === number ? 0 : 0.5;
    const values = lights
      ? lights.positions
      : shade === "effect"
        ? effectsOn(layer, target, app.store.index.targets.length)
        : layer.norm;
    const plain = !lights && shade === "none";
    put(over, plain ? null : shaded(values, ROOM, lights || shade === "effect" ? tint : 0), layer.columns, layer.rows);
    frame.hidden = focus?.kind !== "position" || focus.layer !== number;
    if (focus && !frame.hidden) {
      Object.assign(frame.style, {
        left: `${(100 * (focus.at % layer.columns)) / layer.columns}%`,
        top: `${(100 * Math.floor(focus.at / layer.columns)) / layer.rows}%`,
        width: `${100 / layer.columns}%`,
        height: `${100 / layer.rows}%`,
      });
    }
    name.setAttribute("aria-pressed", String(chosen === number));
    icons.forEach((made, at) => {
      glow(made, lights ? lights.groups[at] : null);
      made.setAttribute("aria-pressed", String(same(pin, { kind: "group", layer: number, at })));
    });
  }
  return { element, icons, light };
}

/** A group and where its strongest line goes, for whoever sees no lines. */
function nodeText(app: App, number: number, at: number): string {
  const { layers, flows } = app.picture;
  const { groups, name } = layers[number];
  const self = `${name}, ${groups.names[at]}`;
  const later = layers[number + 1]?.groups;
  if (!later?.count) return self;
  const row = flows[number].groups.subarray(at * later.count, (at + 1) * later.count);
  const most = row.reduce((best, value, i) => (Math.abs(value) > Math.abs(row[best]) ? i : best), 0);
  const value = signed(row[most], digitsFor(Math.abs(row[most])));
  return `${self}: most to ${later.names[most]} of ${layers[number + 1].name}, ${value}`;
}

/** The targets, at which the lines end. */
function createEnds(app: App): { element: HTMLElement; buttons: HTMLElement[]; update(): void } {
  const values = app.picture.value;
  const digits = digitsFor(values.reduce((most, v) => Math.max(most, Math.abs(v)), 0));
  const buttons = app.store.index.targets.map((name, target) => {
    const made = button("", null, () => app.set({ target, cls: null }), { class: "end", title: name });
    made.append(el("span", { class: "name" }, shortTarget(app, target)), el("span", { class: "number" }, signed(values[target], digits)));
    return made;
  });
  const update = (): void =>
    buttons.forEach((made, i) => made.setAttribute("aria-pressed", String(i === app.state.target)));
  update();
  const element = el("div", { class: "column answers" }, el("div", { class: "nodes" }, ...buttons));
  element.style.setProperty("--at", String(app.picture.layers.length + 1));
  return { element, buttons, update };
}

const FAINT = 0.06; // of the strongest; weaker lines are left out

/** All lines: between groups of neighbouring layers, and from the last groups to the targets. */
function linesOf(app: App, columns: Column[], ends: HTMLElement[]): Line[] {
  const { layers, flows } = app.picture;
  const found: Line[] = [];
  const add = (value: number, most: number, from: HTMLElement, to: HTMLElement, lit: Line["lit"]): void => {
    const strength = most > 0 ? value / most : 0;
    if (Math.abs(strength) >= FAINT) found.push({ from, to, strength, lit });
  };
  flows.forEach(({ groups }, i) => {
    const most = groups.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    const [a, b] = [layers[i].groups.count, layers[i + 1].groups.count];
    for (let from = 0; from < a; from++) {
      for (let to = 0; to < b; to++) {
        add(groups[from * b + to], most, columns[i].icons[from], columns[i + 1].icons[to], (lights) =>
          Math.abs(lights[i].groups[from] * lights[i + 1].groups[to]));
      }
    }
  });
  const last = layers.length - 1;
  const effect = layers[last]?.groups.effect ?? [];
  const most = Math.max(0, ...effect.flatMap((row) => [...row].map(Math.abs)));
  effect.forEach((row, from) =>
    row.forEach((value, to) =>
      add(value, most, columns[last].icons[from], ends[to], (lights, target) =>
        Math.abs(lights[last].groups[from]) * (to === target ? 1 : 0.25)),
    ),
  );
  return found;
}
