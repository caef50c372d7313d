// The data of the page: surfaces, decoded, and one scale for all of them.
import { buffer } from "../bytes.ts";
import { DataError } from "../store.ts";
import type { Source } from "../types.ts";

const FORMAT = 1;
export const LEAST = 1e-6; // a loss of 0 has no logarithm

export interface Path {
  /** Of every checkpoint, one row each. */
  at: Float32Array;
  loss: Float32Array;
  accuracy: Float32Array;
  /** How far each is outside of the surface, as a share of its distance. */
  aside: Float32Array;
  names: string[];
}

export interface Surface {
  name: string;
  axes: string[];
  /** Along each direction. */
  places: Float32Array[];
  /** In reading order: the last direction is the fastest. */
  loss: Float32Array;
  accuracy: Float32Array;
  path: Path | null;
  curvature: { places: Float32Array[]; ratio: Float32Array } | null;
}

export interface Index {
  surfaces: Surface[];
  figures: string[];
  made: [string, string][];
  record: unknown;
  notes: string[];
}

/** What is drawn of a surface. */
export type Measure = "loss" | "accuracy";

type Raw<T> = { [K in keyof T]: T[K] extends Float32Array ? string : T[K] extends Float32Array[] ? string[] : T[K] };

interface RawSurface extends Omit<Raw<Surface>, "path" | "curvature"> {
  path: Raw<Path> | null;
  curvature: { places: string[]; ratio: string } | null;
}

const floats = (base64: string): Float32Array => new Float32Array(buffer(base64));

export async function readIndex(source: Source): Promise<Index> {
  const raw = (await source.data("data.js").catch(() => {
    throw new DataError("The file data.js is missing or damaged. Keep the whole folder together.");
  })) as Omit<Index, "surfaces"> & { format: number; surfaces: RawSurface[] };
  if (raw.format !== FORMAT) {
    throw new DataError(`The file data.js has format ${String(raw.format)}; this page reads format ${FORMAT}.`);
  }
  return { ...raw, surfaces: raw.surfaces.map(decoded) };
}

export function decoded(raw: RawSurface): Surface {
  const { path, curvature } = raw;
  return {
    ...raw,
    places: raw.places.map(floats),
    loss: floats(raw.loss),
    accuracy: floats(raw.accuracy),
    path: path && {
      ...path,
      at: floats(path.at),
      loss: floats(path.loss),
      accuracy: floats(path.accuracy),
      aside: floats(path.aside),
    },
    curvature: curvature && { places: curvature.places.map(floats), ratio: floats(curvature.ratio) },
  };
}

/** Heights from 0 to 1 on the scale of all surfaces: losses by their logarithm. NaN where not finite. */
export interface Scale {
  low: number;
  high: number;
  height(value: number): number;
  /** The value at a height. */
  value(height: number): number;
}

export function scaleOf(surfaces: readonly Surface[], measure: Measure): Scale {
  if (measure === "accuracy") return { low: 0, high: 1, height: (value) => value, value: (height) => height };
  let [low, high] = [Infinity, 0];
  for (const { loss } of surfaces) {
    for (const value of loss) {
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  low = Math.max(Number.isFinite(low) ? low : LEAST, LEAST);
  high = Math.max(high, low * 1.000001);
  const [from, to] = [Math.log(low), Math.log(high)];
  return {
    low,
    high,
    height: (value) => (Number.isFinite(value) ? (Math.log(Math.max(value, LEAST)) - from) / (to - from) : NaN),
    value: (height) => Math.exp(from + height * (to - from)),
  };
}

/** One slice of two directions; of one direction, or two, the whole. */
export interface Slice {
  x: Float32Array;
  y: Float32Array;
  /** The value at the i-th place of x and the j-th of y. */
  at(i: number, j: number): number;
}

export function sliceOf(surface: Surface, measure: Measure, third: number): Slice {
  const [x, y = new Float32Array(1), z = new Float32Array(1)] = surface.places;
  const values = surface[measure];
  return { x, y, at: (i, j) => values[(i * y.length + j) * z.length + Math.min(third, z.length - 1)] };
}

/** The nearest of some increasing places. */
export function nearest(places: Float32Array, value: number): number {
  let best = 0;
  for (let i = 1; i < places.length; i++) {
    if (Math.abs(places[i] - value) < Math.abs(places[best] - value)) best = i;
  }
  return best;
}

/** A number in text, with three digits. */
export function said(value: number): string {
  if (!Number.isFinite(value)) return "not finite";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(1) : String(Number(value.toPrecision(3)));
  return text.replace("-", "\u2212");
}
