// The store: levels and effects, read once when they are first needed.
import { buffer, type Rounded } from "./bytes.ts";
import type { Cells, Column, Index, LevelMeta, Region, Source } from "./types.ts";

const PAGE_FORMAT = 2;

export interface Store {
  index: Index;
  layers: string[];
  levelsOf(layer: string): LevelMeta[];
  level(layer: string, grid: number): LevelMeta | undefined;
  cells(meta: LevelMeta): Promise<Cells>;
  /** The cells where they are there already. */
  ready(meta: LevelMeta): Cells | undefined;
  column(meta: LevelMeta, cls: number): Promise<Column>;
}

export class DataError extends Error {}

export async function openStore(source: Source): Promise<Store> {
  const index = (await source.data("atlas.js").catch(() => {
    throw new DataError(
      "The file atlas.js is missing or damaged. Keep the whole run folder together, or run the " +
        "experiment again to write it anew.",
    );
  })) as Index;
  if (index.format !== PAGE_FORMAT || !index.levels?.length) {
    throw new DataError(
      `The file atlas.js has format ${String(index.format)}; this page reads format ` +
        `${PAGE_FORMAT}. Run the experiment again to write both anew.`,
    );
  }
  const layers = [...new Set(index.levels.map((level) => level.layer))];
  const loaded = new Map<string, Cells>();
  const cells = once(async (name: string) => {
    const meta = index.levels.find((level) => level.name === name)!;
    const found = decodeCells(await source.data(`data/${name}.js`), meta);
    loaded.set(name, found);
    return found;
  });
  const chunk = once(async (path: string) => source.data(path) as Promise<Rounded>);
  return {
    index,
    layers,
    levelsOf: (layer) =>
      index.levels.filter((level) => level.layer === layer).sort((a, b) => a.grid - b.grid),
    level: (layer, grid) => index.levels.find((l) => l.layer === layer && l.grid === grid),
    cells: (meta) => cells(meta.name),
    ready: (meta) => loaded.get(meta.name),
    async column(meta, cls) {
      const part = Math.floor(cls / meta.chunk);
      const [found, held] = await Promise.all([
        chunk(`data/${meta.name}-${part}.js`),
        cells(meta.name),
      ]);
      return decodeColumn(found, held, cls, cls - part * meta.chunk);
    },
  };
}

/** Ask once for each key; a failure is asked for again. */
export function once<T>(make: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const kept = new Map<string, Promise<T>>();
  return (key) => {
    let found = kept.get(key);
    if (!found) {
      found = make(key);
      kept.set(key, found);
      found.catch(() => kept.delete(key));
    }
    return found;
  };
}

function decodeCells(raw: unknown, meta: LevelMeta): Cells {
  const given = raw as Record<string, string> & { cells: number; labels: Region[] };
  const x = new Uint16Array(buffer(given["x"]));
  const y = new Uint16Array(buffer(given["y"]));
  const count = new Uint32Array(buffer(given["count"]));
  const effects = new Float32Array(buffer(given["effects"]));
  const at = new Int32Array(meta.grid * meta.grid).fill(-1);
  x.forEach((column, i) => (at[y[i] * meta.grid + column] = i));
  return {
    cells: given.cells,
    highest: Number(given["highest"]),
    lowest: Number(given["lowest"]),
    x,
    y,
    count,
    cosine: new Float32Array(buffer(given["cosine"])),
    classes: new Uint32Array(buffer(given["classes"])),
    effects,
    least: new Float32Array(buffer(given["least"])),
    most: new Float32Array(buffer(given["most"])),
    patches: given["patches"] ? new Uint8Array(buffer(given["patches"])) : null,
    images: given["images"] ? new Int32Array(buffer(given["images"])) : null,
    labels: given.labels,
    at,
    largestCount: count.reduce((most, value) => Math.max(most, value), 1),
    largestEffect: effects.reduce((m, v) => (Math.abs(v) > m ? Math.abs(v) : m), 0) || 1,
  };
}

function decodeColumn(chunk: Rounded, held: Cells, cls: number, at: number): Column {
  const scale = new Float32Array(buffer(chunk.scale))[at];
  const bytes = new Int8Array(buffer(chunk.values), at * held.cells, held.cells);
  return {
    values: Float32Array.from(bytes, (value) => value * scale),
    least: held.least[cls],
    most: held.most[cls],
  };
}
