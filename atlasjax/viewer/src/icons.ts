// Single icons and patches, drawn outside the map: in the panel of a cell and in the list.
import type { App } from "./app.ts";
import { iconIn } from "./paint.ts";
import type { Picture } from "./tiles.ts";
import type { LevelMeta } from "./types.ts";

interface Part {
  path: string;
  left: number;
  top: number;
  width: number;
  height: number;
}

function drawPart(canvas: HTMLCanvasElement, sheet: Picture, part: Part): void {
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.clearRect(0, 0, canvas.width, canvas.height);
  const { left, top, width, height } = part;
  context.drawImage(sheet, left, top, width, height, 0, 0, canvas.width, canvas.height);
}

/** Draw an icon as well as it is there now, and better once its larger sheet has come. */
export function drawIcon(app: App, canvas: HTMLCanvasElement, meta: LevelMeta, x: number, y: number, wait: number): void {
  const at = `${meta.name} ${x} ${y}`;
  canvas.dataset["at"] = at;
  const wanted = (): boolean => canvas.dataset["at"] === at;
  for (const kind of ["large", "small"] as const) {
    const { path, left, top, size } = iconIn(meta, kind, x, y);
    const sheet = app.tiles.get(path);
    if (!sheet) continue;
    drawPart(canvas, sheet, { path, left, top, width: size, height: size });
    if (kind === "large" || !meta.large) return;
    break;
  }
  const kind = canvas.width > meta.small.size || !app.tiles.get(iconIn(meta, "small", x, y).path) ? "large" : "small";
  const { path, left, top, size } = iconIn(meta, kind, x, y);
  window.setTimeout(() => {
    if (!wanted()) return;
    app.tiles
      .load(path)
      .then((sheet) => wanted() && drawPart(canvas, sheet, { path, left, top, width: size, height: size }))
      .catch(() => undefined);
  }, wait);
}

/** Where a patch of a cell is. */
export function patchIn(meta: LevelMeta, cell: number, j: number): Part {
  const [k, height, width] = meta.patches!;
  const across = Math.floor(1024 / width);
  const down = Math.max(1, Math.floor(1024 / height));
  const number = cell * k + j;
  const within = number % (across * down);
  return {
    path: `sprites/${meta.name}/patches-${Math.floor(number / (across * down))}.webp`,
    left: (within % across) * width,
    top: Math.floor(within / across) * height,
    width,
    height,
  };
}

export function drawPatch(app: App, canvas: HTMLCanvasElement, meta: LevelMeta, cell: number, j: number): Promise<void> {
  const part = patchIn(meta, cell, j);
  return app.tiles.load(part.path).then((sheet) => drawPart(canvas, sheet, part));
}
