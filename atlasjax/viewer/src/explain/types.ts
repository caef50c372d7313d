// What the page of explained images is given, and what it makes of it.
//
// Numbers of positions are by row, then by column; a position is `row * columns + column`.

export interface Figure {
  title: string;
  /** One picture in several formats. */
  files: string[];
}

export interface PictureMeta {
  name: string;
  /** What the image's files are called. */
  stem: string;
  label: number | null;
  width: number;
  height: number;
  figures: Figure[];
}

export interface Index {
  format: number;
  pictures: PictureMeta[];
  targets: string[];
  target_classes: number[];
  class_names: string[];
  short_names: string[];
  default_method: string;
  made: [string, string][];
  record: unknown;
  notes: string[];
  /** The run that the images are of: its name and its page's address; earlier versions have none. */
  run?: [name: string, address: string] | null;
}

/** Groups or channels. */
export interface Directions {
  names: string[];
  count: number;
  /** Side of an icon on its sheet, in px. */
  icon: number;
  /** Of each: how strong it is at every position, and the largest of that. */
  map: Float32Array[];
  largest: number[];
  /** Of each: what it does to every target. */
  effect: Float32Array[];
  /** Of each: what it does to every class; none where the network has none. */
  classes: Float32Array[] | null;
}

export interface Layer {
  name: string;
  rows: number;
  columns: number;
  norm: Float32Array;
  /** Of every position on every target, the targets last. */
  effect: Float32Array;
  channels: Directions;
  groups: Directions;
  /** Channels shown at each position. */
  depth: number;
  dictionary: Int16Array;
  unexplained: number | null;
  completeness: Float32Array;
}

export interface Flow {
  /** Groups of the earlier layer times those of the later one. */
  groups: Float32Array;
  /** Positions of the earlier layer times those of the later one. */
  positions: Float32Array;
}

export interface Method {
  name: string;
  title: string;
  signed: boolean;
  note: string;
  /** Of every target: completeness, insertion, deletion, weights, labels; null for what there is not. */
  checks: (number | null)[][];
}

export interface Picture {
  meta: PictureMeta;
  value: Float32Array;
  output: Float32Array;
  layers: Layer[];
  flows: Flow[];
  methods: Method[];
}

/** A saliency map, as parts of its largest magnitude. */
export interface Saliency {
  values: Float32Array;
  largest: number;
}

export type Kind = "position" | "group" | "channel";

/** What is looked at: a position, a group or a channel of a layer. */
export interface Focus {
  kind: Kind;
  layer: number;
  at: number;
}

export type Shade = "effect" | "norm" | "none";
export type Overlay = "colour" | "reveal" | "none";

/** Everything a permalink keeps; layers, targets and methods by number. */
export interface State {
  picture: number;
  layer: number;
  /** What stays lit; always of the layer that is chosen. */
  pin: Focus | null;
  target: number;
  /** A class that is no target, but that bars are shown for. */
  cls: number | null;
  method: number;
  overlay: Overlay;
  /** How strong the colours are, or the share of pixels that is shown, 0 to 1. */
  amount: number;
  shade: Shade;
  /** Whether the layer's activation grid is shown in place of the image. */
  grid: boolean;
}
