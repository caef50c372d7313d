// What the site of units is given: see page/units/data.py.

/** A number that is not known is null. */
export type Maybe = number | null;

export interface Family {
  name: string;
  units: number[];
  note: string;
}

export interface TuningMeta {
  title: string;
  unit_of_x: string;
  x: Maybe[];
  periodic: boolean;
  /** Of every unit. */
  preferred: Maybe[];
}

/** Weights between a layer and another: which, and the size of kernels. */
export interface Between {
  layer: string;
  height: number;
  width: number;
}

export interface Layer {
  name: string;
  /** Of its files. */
  stem: string;
  /** Of each unit in the network. */
  number: number[];
  names: Record<string, string>;
  /** Of each unit; empty where there are none. */
  branch: string[];
  families: Family[];
  fires: Maybe[] | null;
  /** The classes that each unit answers to most. */
  known: number[][] | null;
  tuning: TuningMeta[];
  patches: { title: string; count: number }[];
  inputs: Between[];
  outputs: Between[];
  shots: ("positive" | "negative" | "diverse")[];
  /** Units in one file of data. */
  chunk: number;
  /** Sides in px: on the sheets, of large pictures, of examples; 0 for none. */
  icon: number;
  shot: number;
  patch: number;
}

export interface Index {
  format: number;
  layers: Layer[];
  /** Every layer that a circuit can have, from the input on. */
  order: string[];
  class_names: string[];
  short_names: string[];
  made: [string, string][];
  record: unknown;
  notes: string[];
}

/** The strongest weights of one unit from or to those of another layer. */
export interface Edges {
  unit: number[];
  weight: Maybe[];
  contribution: Maybe[] | null;
  effect: Maybe[] | null;
  idle: boolean[] | null;
  kernel: Float32Array[];
}

export interface Patches {
  image: number[];
  value: Maybe[];
  label: string[];
}

/** What is read of a unit when it is looked at. */
export interface Unit {
  /** WebP in base64. */
  thumb: string | null;
  histogram: { counts: Float32Array; bins: Float32Array } | null;
  tuning: Float32Array[];
  classes: [number, number][];
  patches: Patches[];
  inputs: Edges[];
  outputs: Edges[];
  /** Grid, cell, address. */
  cells: [number, number, string][];
}

/** A unit: its layer's name and its number there. */
export interface Ref {
  layer: string;
  unit: number;
}

export type View =
  | { kind: "sheet"; layer: string; order: string }
  | ({ kind: "unit" } & Ref)
  | ({ kind: "circuit"; depth: number; most: number } & Ref);
