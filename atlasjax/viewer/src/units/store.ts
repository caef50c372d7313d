// The store: the index, and what is of single units, read when they are first looked at.
import { buffer, type Rounded, unrounded } from "../bytes.ts";
import { DataError, once } from "../store.ts";
import type { Source } from "../types.ts";
import type { Between, Edges, Index, Layer, Maybe, Patches, Ref, Unit } from "./types.ts";

const FORMAT = 1;

export interface Store {
  index: Index;
  layer(name: string): Layer | undefined;
  /** Where a unit is listed in its layer, or -1. */
  at(ref: Ref): number;
  /** What is known of a unit; null where the site does not have it. */
  unit(ref: Ref): Promise<Unit | null>;
}

export async function openStore(source: Source): Promise<Store> {
  const index = (await source.data("site.js").catch(() => {
    throw new DataError(
      "The file site.js is missing or damaged. Keep the whole folder together, or make the site " +
        "again to write it anew.",
    );
  })) as Index;
  if (index.format !== FORMAT || !index.layers?.length) {
    throw new DataError(
      `The file site.js has format ${String(index.format)}; this page reads format ${FORMAT}. ` +
        "Make the site again to write both anew.",
    );
  }
  const layers = new Map(index.layers.map((layer) => [layer.name, layer]));
  const places = new Map(
    index.layers.map((layer) => [layer.name, new Map(layer.number.map((unit, at) => [unit, at]))]),
  );
  const chunks = once((path: string) => source.data(path) as Promise<RawUnit[]>);
  const at = ({ layer, unit }: Ref): number => places.get(layer)?.get(unit) ?? -1;
  return {
    index,
    layer: (name) => layers.get(name),
    at,
    async unit(ref) {
      const [layer, place] = [layers.get(ref.layer), at(ref)];
      if (!layer || place < 0) return null;
      const chunk = Math.floor(place / layer.chunk);
      const path = `data/${layer.stem}-${chunk}.js`;
      try {
        return decodeUnit((await chunks(path))[place - chunk * layer.chunk], layer);
      } catch {
        throw new DataError(`The file ${path} is missing or damaged. Keep the whole folder together.`);
      }
    },
  };
}

interface RawEdges extends Omit<Edges, "kernel"> {
  kernel: Rounded;
}

interface RawUnit {
  thumb: string | null;
  histogram: { counts: string; bins: string } | null;
  tuning: string[];
  classes: [number, number][];
  patches: Patches[];
  inputs: RawEdges[];
  outputs: RawEdges[];
  cells: [number, number, string][];
}

const floats = (base64: string): Float32Array => new Float32Array(buffer(base64));

function decodeUnit(raw: RawUnit, layer: Layer): Unit {
  const edges = (given: RawEdges[], between: Between[]): Edges[] =>
    given.map((one, i) => ({ ...one, kernel: inRows(unrounded(one.kernel), between[i]) }));
  const { histogram } = raw;
  return {
    ...raw,
    histogram: histogram && { counts: floats(histogram.counts), bins: floats(histogram.bins) },
    tuning: raw.tuning.map(floats),
    inputs: edges(raw.inputs, layer.inputs),
    outputs: edges(raw.outputs, layer.outputs),
  };
}

function inRows(values: Float32Array, { height, width }: Between): Float32Array[] {
  const size = height * width;
  return Array.from({ length: values.length / size }, (_, i) => values.subarray(i * size, (i + 1) * size));
}

export const known = (value: Maybe | undefined): value is number => typeof value === "number";

/** A unit in an address and in text: `mixed3b:379`. */
export const refText = ({ layer, unit }: Ref): string => `${layer}:${unit}`;

/** The name that a person gave a unit, or nothing. */
export const nameOf = (store: Store, { layer, unit }: Ref): string => store.layer(layer)?.names[unit] ?? "";

/** Families that a unit belongs to. */
export const familiesOf = (layer: Layer, unit: number): string[] =>
  layer.families.filter(({ units }) => units.includes(unit)).map(({ name }) => name);

/** An angle as people write it, any other parameter with its unit. */
export function withUnit(value: number, unit: string): string {
  const angle = /^deg/.test(unit);
  const digits = angle || Math.abs(value) >= 20 ? 0 : Math.abs(value) >= 2 ? 1 : 2;
  const text = String(Number(value.toFixed(digits))).replace("-", "\u2212");
  return angle ? `${text}\u00b0` : unit ? `${text}\u2009${unit}` : text;
}

/** A part of a whole in per cent, with the digits that tell small ones apart. */
export function percent(part: number): string {
  const value = 100 * part;
  if (value > 0 && value < 0.01) return "under 0.01\u2009%";
  return `${value >= 10 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : Number(value.toFixed(2))}\u2009%`;
}
