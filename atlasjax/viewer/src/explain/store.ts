// The store: each image's numbers, and the maps of each target, read when they are first needed.
import { buffer, bytesOf, type Rounded, unrounded } from "../bytes.ts";
import { DataError, once } from "../store.ts";
import type { Source } from "../types.ts";
import type { Directions, Index, Layer, Method, Picture, Saliency } from "./types.ts";

const FORMAT = 1;

export interface Store {
  index: Index;
  picture(number: number): Promise<Picture>;
  /** The maps of all methods for one target. */
  maps(number: number, target: number): Promise<Saliency[]>;
}

export async function openStore(source: Source): Promise<Store> {
  const index = (await source.data("explanation.js").catch(() => {
    throw new DataError(
      "The file explanation.js is missing or damaged. Keep the whole folder together, or explain " +
        "the images again to write it anew.",
    );
  })) as Index;
  if (index.format !== FORMAT || !index.pictures?.length) {
    throw new DataError(
      `The file explanation.js has format ${String(index.format)}; this page reads format ` +
        `${FORMAT}. Explain the images again to write both anew.`,
    );
  }
  const read = once((path: string) => source.data(path));
  const stem = (number: number): string => index.pictures[number].stem;
  const pictures = once(async (number: string) => {
    const raw = (await read(`data/${stem(Number(number))}.js`)) as RawPicture;
    return decodePicture(raw, index, Number(number));
  });
  const maps = once(async (path: string) => {
    const raw = (await read(path)) as { maps: RawMap[] };
    return raw.maps.map(decodeMap);
  });
  return {
    index,
    picture: (number) => pictures(String(number)),
    maps: (number, target) => maps(`data/${stem(number)}-${target}.js`),
  };
}

interface RawMap {
  largest: number;
  values: string;
}

interface RawDirections {
  names: string[];
  icon: number;
  map: string;
  effect: string;
  classes: Rounded | null;
}

interface RawLayer {
  name: string;
  rows: number;
  columns: number;
  norm: string;
  effect: string;
  channels: RawDirections;
  groups: RawDirections;
  depth: number;
  dictionary: string;
  unexplained: number | null;
  completeness: string;
}

interface RawPicture {
  value: string;
  output: string;
  layers: RawLayer[];
  flows: { groups: string; positions: Rounded }[];
  methods: Method[];
}

const floats = (base64: string): Float32Array => new Float32Array(buffer(base64));

/** The map again: its bytes are 127 times the roots of its parts, with their signs. */
export function decodeMap({ largest, values }: RawMap): Saliency {
  const bytes = new Int8Array(bytesOf(values).buffer);
  return { largest, values: Float32Array.from(bytes, (v) => (Math.sign(v) * v * v) / (127 * 127)) };
}

function decodePicture(raw: RawPicture, index: Index, number: number): Picture {
  return {
    meta: index.pictures[number],
    value: floats(raw.value),
    output: floats(raw.output),
    layers: raw.layers.map((layer) => decodeLayer(layer, index)),
    flows: raw.flows.map((flow) => ({ groups: floats(flow.groups), positions: unrounded(flow.positions) })),
    methods: raw.methods,
  };
}

function decodeLayer(raw: RawLayer, index: Index): Layer {
  const positions = raw.rows * raw.columns;
  const directions = (given: RawDirections): Directions => decodeDirections(given, positions, index);
  return {
    ...raw,
    norm: floats(raw.norm),
    effect: floats(raw.effect),
    channels: directions(raw.channels),
    groups: directions(raw.groups),
    dictionary: new Int16Array(buffer(raw.dictionary)),
    completeness: floats(raw.completeness),
  };
}

function decodeDirections(raw: RawDirections, positions: number, index: Index): Directions {
  const count = raw.names.length;
  const map = inRows(floats(raw.map), count, positions);
  return {
    names: raw.names,
    count,
    icon: raw.icon,
    map,
    largest: map.map((values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0)),
    effect: inRows(floats(raw.effect), count, index.targets.length),
    classes: raw.classes && inRows(unrounded(raw.classes), count, index.class_names.length),
  };
}

const inRows = (values: Float32Array, count: number, width: number): Float32Array[] =>
  Array.from({ length: count }, (_, i) => values.subarray(i * width, (i + 1) * width));
