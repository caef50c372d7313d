// Tiles: sheets of icons, loaded as they are wanted and let go when there are too many.
import type { Cells, Source } from "./types.ts";

export type Picture = CanvasImageSource & { width: number; height: number };

interface Tile {
  state: "loading" | "ready" | "missing";
  /** The sheet, then its half and its quarter where they were asked for. */
  sizes: Picture[];
  making: boolean;
  used: number;
  loaded: Promise<Picture>;
}

export interface Tiles {
  /** The sheet, or nothing yet. */
  get(path: string): Picture | undefined;
  /** The sheet at the least size that is not smaller than asked for, in px. */
  sized(path: string, width: number): Picture | undefined;
  state(path: string): Tile["state"] | undefined;
  /** Ask for sheets, the most wanted first; those asked for before and not now are forgotten. */
  want(paths: string[]): void;
  /** Ask for one sheet, whatever is wanted besides. */
  load(path: string): Promise<Picture>;
  /** Bytes held, about. */
  held(): number;
}

const AT_ONCE = 4;

/** Keep sheets of a source, up to a number of bytes. */
export function createTiles(
  source: Source,
  budget: number,
  changed: (path: string, missing: boolean) => void,
): Tiles {
  const tiles = new Map<string, Tile>();
  let wanted: string[] = [];
  let clock = 0;
  let flying = 0;

  const held = (): number => {
    let sum = 0;
    for (const tile of tiles.values()) {
      for (const size of tile.sizes) sum += 4 * size.width * size.height;
    }
    return sum;
  };

  function release(): void {
    const keep = new Set(wanted);
    const old = [...tiles]
      .filter(([path, tile]) => tile.state === "ready" && !keep.has(path) && !tile.making)
      .sort((a, b) => a[1].used - b[1].used);
    let sum = held();
    for (const [path, tile] of old) {
      if (sum <= budget) return;
      for (const size of tile.sizes) {
        sum -= 4 * size.width * size.height;
        if (size instanceof ImageBitmap) size.close();
      }
      tiles.delete(path);
    }
  }

  function load(path: string): Promise<Picture> {
    const there = tiles.get(path);
    if (there) return there.loaded;
    flying++;
    const loaded = source.image(path);
    const tile: Tile = { state: "loading", sizes: [], making: false, used: ++clock, loaded };
    tiles.set(path, tile);
    loaded
      .then((picture) => {
        tile.sizes.push(picture);
        tile.state = "ready";
        release();
      })
      .catch(() => (tile.state = "missing"))
      .finally(() => {
        flying--;
        changed(path, tile.state === "missing");
        pump();
      });
    return loaded;
  }

  function pump(): void {
    for (const path of wanted) {
      if (flying >= AT_ONCE) return;
      if (!tiles.has(path)) load(path).catch(() => undefined); // `changed` has told
    }
  }

  /** Halve a sheet once it is drawn so small that every other px would be lost. */
  function halve(path: string, tile: Tile): void {
    const last = tile.sizes[tile.sizes.length - 1];
    if (tile.making || last.width < 128) return;
    tile.making = true;
    const [resizeWidth, resizeHeight] = [last.width >> 1, last.height >> 1];
    createImageBitmap(last, { resizeWidth, resizeHeight, resizeQuality: "medium" })
      .then((made) => {
        tile.sizes.push(made);
        tile.making = false;
        changed(path, false);
      })
      .catch(() => (tile.making = false));
  }

  const get = (path: string): Tile | undefined => {
    const tile = tiles.get(path);
    if (!tile || tile.state !== "ready") return undefined;
    tile.used = ++clock;
    return tile;
  };

  return {
    get: (path) => get(path)?.sizes[0],
    sized(path, width) {
      const tile = get(path);
      if (!tile) return undefined;
      const fits = tile.sizes.filter((size) => size.width >= width);
      const best = fits[fits.length - 1] ?? tile.sizes[0];
      if (best === tile.sizes[tile.sizes.length - 1] && best.width >= 2 * width) halve(path, tile);
      return best;
    },
    state: (path) => tiles.get(path)?.state,
    want(paths) {
      wanted = paths;
      pump();
    },
    load,
    held,
  };
}

/** How much of its place an icon fills where its size says how many activations it stands for. */
export const fills = (count: number, largest: number): number =>
  0.3 + 0.7 * Math.sqrt(count / largest);

/** Draw a sheet anew with each icon as large as its cell is full. */
export function scaledSheet(
  sheet: Picture,
  cells: Cells,
  grid: number,
  column: number,
  row: number,
  side: number,
): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = sheet.width;
  canvas.height = sheet.height;
  const context = canvas.getContext("2d")!;
  const size = sheet.width / side;
  for (let y = row * side; y < Math.min(grid, (row + 1) * side); y++) {
    for (let x = column * side; x < Math.min(grid, (column + 1) * side); x++) {
      const cell = cells.at[y * grid + x];
      if (cell < 0) continue;
      const [left, top] = [(x - column * side) * size, (y - row * side) * size];
      const drawn = size * fills(cells.count[cell], cells.largestCount);
      const edge = (size - drawn) / 2;
      context.drawImage(sheet, left, top, size, size, left + edge, top + edge, drawn, drawn);
    }
  }
  return canvas;
}
