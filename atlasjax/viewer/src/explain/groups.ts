// The groups of the chosen layer: what each looks like, where it is, and what it does.
import { el, segments } from "../dom.ts";
import { type App, fullTarget, layerOf, ROOM, same } from "./app.ts";
import { bars, largestOf } from "../bars.ts";
import { rowsOf } from "./bars.ts";
import { icon, whole } from "./icons.ts";
import { scaled } from "./lights.ts";
import { put, spotlight } from "./pixels.ts";
import { standsFor } from "./positions.ts";
import type { Focus, Layer } from "./types.ts";

export function createGroups(app: App): HTMLElement {
  const title = el("h2", {}, "What the network saw, and what it did");
  const tabs = segments<number>(
    "Layer",
    app.picture.layers.map((layer, i) => [i, layer.name] as const),
    () => app.state.layer,
    (layer) => app.set({ layer, pin: null }),
  );
  const note = el("p", { class: "quiet note" });
  const list = el("ul", { class: "cards" });
  let cards: Card[] = [];
  let shown = "";

  function update(): void {
    const layer = layerOf(app);
    const { target, cls } = app.state;
    const key = [app.state.layer, target, cls].join();
    tabs.update();
    if (key !== shown && layer) {
      note.textContent = noteOf(app, layer);
      const rows = Array.from({ length: layer.groups.count }, (_, i) => rowsOf(app, layer.groups, i));
      const largest = largestOf(rows.flat());
      cards = rows.map((row, i) => createCard(app, i, row, largest));
      list.replaceChildren(...cards.map((card) => el("li", {}, card.element)));
    }
    shown = key;
    light();
  }

  function light(): void {
    const lights = app.lights()?.[app.state.layer];
    const pin = app.state.pin;
    cards.forEach((card, i) => {
      glow(card.element, lights ? lights.groups[i] : null);
      card.element.setAttribute("aria-pressed", String(same(pin, card.focus)));
    });
  }
  app.on("state", update);
  app.on("focus", light);
  update();
  const head = el("div", { class: "section-head" }, title, tabs.element);
  return el("section", { class: "groups", "aria-label": "Groups" }, head, note, list);
}

/** How much an element is lit: null for as always. */
export function glow(element: HTMLElement | SVGElement, lit: number | null): void {
  element.style.setProperty("--lit", lit === null ? "1" : String(Math.min(1, Math.abs(lit))));
  element.classList.toggle("lit", lit !== null && Math.abs(lit) > 0.5);
  element.classList.toggle("against", lit !== null && lit < 0);
}

function noteOf(app: App, layer: Layer): string {
  const unit = app.store.index.class_names.length ? "logits" : "units of the target";
  const parts = [
    "Each group is a direction that a part of the image shares: its icon shows what drives it, beside it is where " +
      `that is, and below what it does to the targets, in ${unit}.`,
  ];
  if (layer.unexplained !== null) parts.push(`Together they hold ${Math.round(100 * (1 - layer.unexplained))}\u2009% of ${layer.name}.`);
  const off = layer.completeness[app.state.target];
  if (Number.isFinite(off)) {
    parts.push(`Effects of its positions add up to the change of ${fullTarget(app, app.state.target)} but for ${off < 0.01 ? "less than 1" : (100 * off).toFixed(0)}\u2009%.`);
  }
  if (app.state.cls !== null) {
    parts.push(`What single positions do, and the maps, are only known for the targets: they stay those of ${fullTarget(app, app.state.target)}.`);
  }
  return parts.join(" ");
}

interface Card {
  element: HTMLElement;
  focus: Focus;
}

function createCard(app: App, at: number, rows: ReturnType<typeof rowsOf>, largest: number): Card {
  const focus: Focus = { kind: "group", layer: app.state.layer, at };
  const layer = layerOf(app);
  const { names, map } = layer.groups;
  const over = el("canvas", { class: "over", "aria-hidden": "true" });
  put(over, spotlight(scaled(map[at]), ROOM), layer.columns, layer.rows);
  const where = el("span", { class: "where" }, whole(app, "image"), over);
  where.style.aspectRatio = `${app.picture.meta.width} / ${app.picture.meta.height}`;
  const element = el(
    "button",
    { type: "button", class: "card" },
    el("span", { class: "pair" }, icon(app, focus.layer, "group", at), where),
    el("span", { class: "title" }, names[at]),
    bars(rows, largest),
  );
  standsFor(app, element, focus);
  return { element, focus };
}
