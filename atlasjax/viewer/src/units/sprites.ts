// Sprites: parts of sheets as backgrounds, which the browser reads when they come into view.
import { el } from "../dom.ts";
import type { App } from "./app.ts";
import type { Layer } from "./types.ts";

const SHEET = 1024; // px; a sheet at most

export interface Spot {
  sheet: number;
  /** The sheet's sides as parts of the sprite's, and where it lies, in per cent. */
  width: number;
  height: number;
  x: number;
  y: number;
}

/** Where a sprite is among `total` of `size` px. */
export function spotOf(at: number, size: number, total: number): Spot {
  const across = Math.floor(SHEET / size);
  const sheet = Math.floor(at / (across * across));
  const within = at % (across * across);
  const rows = Math.ceil(Math.min(total - sheet * across * across, across * across) / across);
  const part = (i: number, count: number): number => (count > 1 ? (100 * i) / (count - 1) : 0);
  return { sheet, width: 100 * across, height: 100 * rows, x: part(within % across, across), y: part(Math.floor(within / across), rows) };
}

const asked = new WeakMap<App, Set<string>>();

/** Say once that a sheet is missing; a background would only stay empty. */
function check(app: App, path: string): void {
  const before = asked.get(app) ?? new Set<string>();
  asked.set(app, before);
  if (before.has(path)) return;
  before.add(path);
  const image = new Image();
  image.onerror = () => app.toast(`The file ${path} is missing or damaged. Keep the whole folder together.`);
  image.src = app.source.link(path)!;
}

/** A part of a sheet; what it shows is said by what it belongs to, or by its own name. */
function sprite(app: App, stem: string, at: number, size: number, total: number, name: string | null): HTMLElement {
  const { sheet, width, height, x, y } = spotOf(at, size, total);
  const path = `${stem}-${sheet}.webp`;
  check(app, path);
  const made = el("span", { class: "sprite", ...(name ? { role: "img", "aria-label": name } : { "aria-hidden": "true" }) });
  made.style.backgroundImage = `url("${app.source.link(path)}")`;
  made.style.backgroundSize = `${width}% ${height}%`;
  made.style.backgroundPosition = `${x}% ${y}%`;
  return made;
}

/** The small icon of a unit; null where there is none. */
export function icon(app: App, layer: Layer | undefined, at: number): HTMLElement | null {
  if (!layer?.icon || at < 0) return null;
  return sprite(app, `sprites/${layer.stem}/icons`, at, layer.icon, layer.number.length, null);
}

/** One of the large pictures of a unit. */
export const shot = (app: App, layer: Layer, unit: number, at: number, name: string): HTMLElement =>
  sprite(app, `sprites/${layer.stem}/${unit}-shots`, at, layer.shot, layer.shots.length, name);

/** One of the examples of a unit, counted over all rows. */
export function patch(app: App, layer: Layer, unit: number, at: number, name: string): HTMLElement {
  const total = layer.patches.reduce((sum, { count }) => sum + count, 0);
  return sprite(app, `sprites/${layer.stem}/${unit}-patches`, at, layer.patch, total, name);
}
