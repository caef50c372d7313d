// Paint: one frame of the map. Whole sheets are drawn, never single icons, so that a frame costs
// the same whether it shows a hundred cells or thirty thousand.
import type { View } from "./geometry.ts";
import { visible } from "./geometry.ts";
import type { Placed } from "./labels.ts";
import type { Overlay, Palette } from "./shade.ts";
import { tinted } from "./shade.ts";
import type { Store } from "./store.ts";
import { type Picture, scaledSheet, type Tiles } from "./tiles.ts";
import type { LevelMeta, SheetsMeta } from "./types.ts";

export interface Shown {
  meta: LevelMeta;
  alpha: number;
}

export interface Outline {
  grid: number;
  x: number;
  y: number;
  pinned: boolean;
}

export interface Scene {
  width: number;
  height: number;
  ratio: number;
  view: View;
  shown: Shown[];
  density: boolean;
  palette: Palette;
  overlay(meta: LevelMeta): Overlay | null;
  labels: Placed[];
  outlines: Outline[];
  /** Whether there is time for the best scaling. */
  still: boolean;
}

export const overviewPath = (meta: LevelMeta): string => `sprites/${meta.name}/all.webp`;

const sheetPath = (meta: LevelMeta, kind: "small" | "large", at: readonly [number, number]): string =>
  `sprites/${meta.name}/${kind}-${at[0]}-${at[1]}.webp`;

const SHEET = 1024;
export const perSide = (size: number): number => Math.floor(SHEET / size);

/** The sheet that holds a cell, and where in it. */
export function iconIn(
  meta: LevelMeta,
  kind: "small" | "large",
  x: number,
  y: number,
): { path: string; left: number; top: number; size: number } {
  const size = (meta[kind] ?? meta.small).size;
  const side = perSide(size);
  const path = sheetPath(meta, meta[kind] ? kind : "small", [Math.floor(x / side), Math.floor(y / side)]);
  return { path, left: (x % side) * size, top: (y % side) * size, size };
}

export interface Painter {
  /** Draw a scene; return the sheets it wants, the most wanted first. */
  paint(context: CanvasRenderingContext2D, scene: Scene): string[];
}

const SCALED_KEPT = 16;

export function createPainter(store: Store, tiles: Tiles): Painter {
  const scaled = new Map<string, HTMLCanvasElement>();

  /** A sheet with icons as large as their cells are full; made once, the oldest let go. */
  function byDensity(path: string, sheet: Picture, meta: LevelMeta, at: [number, number], side: number): Picture {
    const cells = store.ready(meta);
    const whole = tiles.get(path);
    if (!cells || !whole) return sheet;
    let made = scaled.get(path);
    if (!made) {
      made = scaledSheet(whole, cells, meta.grid, at[0], at[1], side);
      if (scaled.size >= SCALED_KEPT) scaled.delete(scaled.keys().next().value!);
    } else {
      scaled.delete(path); // moved to the end: the least used is the first
    }
    scaled.set(path, made);
    return made;
  }

  function paint(context: CanvasRenderingContext2D, scene: Scene): string[] {
    const { ratio, view, shown } = scene;
    const wanted: string[] = shown.map(({ meta }) => overviewPath(meta)).reverse();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = 1;
    context.fillStyle = css(scene.palette.ground);
    context.fillRect(0, 0, context.canvas.width, context.canvas.height);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = scene.still ? "high" : "low";
    for (const { meta, alpha } of shown) {
      if (alpha <= 0) continue;
      context.globalAlpha = alpha;
      paintLevel(context, scene, meta, wanted);
      paintOverlay(context, scene, meta, alpha);
      if (!scene.density) paintLines(context, scene, meta);
    }
    context.globalAlpha = 1;
    if (!shown.length) return wanted;
    paintOutlines(context, scene);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    // The names of other classes stand back while the map is about one.
    context.globalAlpha = shown.some(({ meta }) => scene.overlay(meta)) ? 0.6 : 1;
    // At the foot of its cell, where it hides little of the icon.
    const foot = Math.max(0, view.k / shown[shown.length - 1].meta.grid / 2 - 11);
    for (const label of scene.labels) paintLabel(context, scene, label, view, foot);
    return [...new Set(wanted)];
  }

  function paintLevel(context: CanvasRenderingContext2D, scene: Scene, meta: LevelMeta, wanted: string[]): void {
    const cell = (scene.view.k / meta.grid) * scene.ratio;
    const kind =
      cell <= meta.overview * 1.3 ? null : cell > meta.small.size * 1.35 && meta.large ? "large" : "small";
    if (!kind) return paintPart(context, scene, meta, overviewPath(meta), [0, 0], meta.grid, meta.overview);
    const side = perSide(meta[kind]!.size);
    for (const at of sheetsIn(scene, meta, meta[kind]!, side)) {
      const path = sheetPath(meta, kind, at);
      wanted.push(path);
      if (tiles.state(path) === "ready") paintPart(context, scene, meta, path, at, side, meta[kind]!.size);
      else paintCoarser(context, scene, meta, at, side, kind === "large");
    }
  }

  /** What is there already of a sheet's place: of smaller icons, or of the picture of the level. */
  function paintCoarser(
    context: CanvasRenderingContext2D,
    scene: Scene,
    meta: LevelMeta,
    at: [number, number],
    side: number,
    large: boolean,
  ): void {
    const { size } = meta.small;
    const smallSide = perSide(size);
    const within: [number, number] = [at[0] * side, at[1] * side];
    if (large) {
      const from: [number, number] = [Math.floor(within[0] / smallSide), Math.floor(within[1] / smallSide)];
      const path = sheetPath(meta, "small", from);
      // Sheets of either size need not end at the same cells; what crosses the edge waits.
      const fits = within[0] + side <= (from[0] + 1) * smallSide && within[1] + side <= (from[1] + 1) * smallSide;
      if (fits && tiles.state(path) === "ready") {
        return paintPart(context, scene, meta, path, from, smallSide, size, within, side);
      }
    }
    paintPart(context, scene, meta, overviewPath(meta), [0, 0], meta.grid, meta.overview, within, side);
  }

  /** Draw some cells of a sheet: all of them, or a square of `count` from `within`. */
  function paintPart(
    context: CanvasRenderingContext2D,
    scene: Scene,
    meta: LevelMeta,
    path: string,
    at: [number, number],
    side: number,
    size: number,
    within: [number, number] = [at[0] * side, at[1] * side],
    count: number = side,
  ): void {
    const { k, x, y } = scene.view;
    const { ratio } = scene;
    const across = Math.min(count, meta.grid - within[0]);
    const down = Math.min(count, meta.grid - within[1]);
    const [left, top] = [x + (k * within[0]) / meta.grid, y + (k * within[1]) / meta.grid];
    const x0 = Math.round(left * ratio);
    const y0 = Math.round(top * ratio);
    const x1 = Math.round((left + (k * across) / meta.grid) * ratio);
    const y1 = Math.round((top + (k * down) / meta.grid) * ratio);
    const full = side * size;
    const sheet = tiles.sized(path, ((x1 - x0) / across) * side);
    if (!sheet) return;
    const picture = scene.density ? byDensity(path, sheet, meta, at, side) : sheet;
    const scale = (picture.width / full) * size;
    const [sx, sy] = [(within[0] - at[0] * side) * scale, (within[1] - at[1] * side) * scale];
    context.drawImage(picture, sx, sy, across * scale, down * scale, x0, y0, x1 - x0, y1 - y0);
  }

  return { paint };
}

/** The sheets that the window shows. */
function sheetsIn(scene: Scene, meta: LevelMeta, of: SheetsMeta, side: number): [number, number][] {
  const { k, x, y } = scene.view;
  const [left, right] = visible(x, k, meta.grid, scene.width);
  const [top, bottom] = visible(y, k, meta.grid, scene.height);
  const [middleX, middleY] = [(left + right) / 2 / side - 0.5, (top + bottom) / 2 / side - 0.5];
  const away = ([c, r]: [number, number]): number => Math.hypot(c - middleX, r - middleY);
  return of.sheets
    .filter(([c, r]) => c * side <= right && (c + 1) * side > left && r * side <= bottom && (r + 1) * side > top)
    .sort((a, b) => away(a) - away(b));
}

function paintOverlay(context: CanvasRenderingContext2D, scene: Scene, meta: LevelMeta, alpha: number): void {
  const overlay = scene.overlay(meta);
  if (!overlay) return;
  const { k, x, y } = scene.view;
  const { ratio } = scene;
  const [x0, y0] = [Math.round(x * ratio), Math.round(y * ratio)];
  const [x1, y1] = [Math.round((x + k) * ratio), Math.round((y + k) * ratio)];
  context.imageSmoothingEnabled = false;
  context.drawImage(overlay.dim, x0, y0, x1 - x0, y1 - y0);
  context.globalAlpha = alpha * tinted(1, k / meta.grid);
  context.drawImage(overlay.tint, x0, y0, x1 - x0, y1 - y0);
  context.globalAlpha = alpha;
  context.imageSmoothingEnabled = true;
}

/** Thin lines between cells, once they are large enough to be told apart. */
function paintLines(context: CanvasRenderingContext2D, scene: Scene, meta: LevelMeta): void {
  const { k, x, y } = scene.view;
  const { ratio, width, height } = scene;
  const cell = k / meta.grid;
  if (cell < 20) return;
  // Two px at least: they also hide that sheets and shades are rounded to px on their own.
  const thick = Math.max(2, Math.round(ratio * Math.min(3, cell / 40)));
  const half = thick >> 1;
  context.fillStyle = css(scene.palette.ground);
  const [left, right] = visible(x, k, meta.grid, width);
  const [top, bottom] = visible(y, k, meta.grid, height);
  for (let i = left; i <= right + 1; i++) {
    context.fillRect(Math.round((x + i * cell) * ratio) - half, 0, thick, height * ratio);
  }
  for (let i = top; i <= bottom + 1; i++) {
    context.fillRect(0, Math.round((y + i * cell) * ratio) - half, width * ratio, thick);
  }
}

function paintOutlines(context: CanvasRenderingContext2D, scene: Scene): void {
  const { k, x, y } = scene.view;
  const { ratio } = scene;
  for (const outline of scene.outlines) {
    const cell = k / outline.grid;
    const [left, top, side] = [(x + outline.x * cell) * ratio, (y + outline.y * cell) * ratio, cell * ratio];
    const thick = (outline.pinned ? 3 : 2) * ratio;
    context.lineWidth = thick + 2 * ratio;
    context.strokeStyle = "rgb(0 0 0 / 0.75)";
    context.strokeRect(left, top, side, side);
    context.lineWidth = thick;
    context.strokeStyle = outline.pinned ? "#ffd24a" : "#ffffff";
    context.strokeRect(left, top, side, side);
  }
}

const LABEL_FONT = '600 12.5px system-ui, -apple-system, "Segoe UI", sans-serif';
const LABELS_KEPT = 300;
const drawnLabels = new WeakMap<Palette, Map<string, HTMLCanvasElement>>();

/** How wide a label is, in CSS px. */
export function labelWidth(context: CanvasRenderingContext2D): (text: string) => number {
  const known = new Map<string, number>();
  return (text) => {
    let width = known.get(text);
    if (width === undefined) {
      context.font = LABEL_FONT;
      width = context.measureText(text).width;
      known.set(text, width);
    }
    return width;
  };
}

/** Text with an outline is slow to draw, so each is drawn once and kept. */
function paintLabel(context: CanvasRenderingContext2D, scene: Scene, label: Placed, view: View, foot: number): void {
  const [x, y] = [view.x + view.k * label.x, view.y + view.k * label.y + foot];
  if (x < -150 || y < -30 || x > scene.width + 150 || y > scene.height + 30) return;
  let kept = drawnLabels.get(scene.palette);
  if (!kept) drawnLabels.set(scene.palette, (kept = new Map()));
  const key = `${scene.ratio} ${label.text}`;
  let made = kept.get(key);
  if (kept.size > LABELS_KEPT) kept.clear();
  if (!made) kept.set(key, (made = drawLabel(label.text, scene)));
  const [width, height] = [made.width / scene.ratio, made.height / scene.ratio];
  context.drawImage(made, Math.round(x - width / 2), Math.round(y - height / 2), width, height);
}

function drawLabel(text: string, scene: Scene): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d")!;
  context.font = LABEL_FONT;
  canvas.width = Math.ceil((context.measureText(text).width + 12) * scene.ratio);
  canvas.height = Math.ceil(22 * scene.ratio);
  context.scale(scene.ratio, scene.ratio);
  context.font = LABEL_FONT;
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 3.5;
  const dark = scene.palette.ground[0] < 128;
  context.strokeStyle = dark ? "rgb(8 9 12 / 0.85)" : "rgb(255 255 255 / 0.9)";
  context.fillStyle = dark ? "#fff" : "#14171b";
  context.strokeText(text, 6, 11.5);
  context.fillText(text, 6, 11.5);
  return canvas;
}

const css = ([r, g, b]: readonly [number, number, number]): string => `rgb(${r} ${g} ${b})`;
