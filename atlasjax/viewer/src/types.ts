// What the viewer is given, and what it makes of it.

export interface SheetsMeta {
  /** Side of an icon in the sheets, in px. */
  size: number;
  /** Column and row of each sheet that has a cell in it. */
  sheets: [number, number][];
}

export interface LevelMeta {
  layer: string;
  grid: number;
  /** Stem of the level's files. */
  name: string;
  cells: number;
  activations: number;
  picture: string;
  /** Side of a cell in the picture of the whole level, in px. */
  overview: number;
  small: SheetsMeta;
  large: SheetsMeta | null;
  /** How many patches a cell has at most, their height and width; null for none. */
  patches: [number, number, number] | null;
  /** Classes whose effects come in one file. */
  chunk: number;
}

export interface Index {
  format: number;
  name: string;
  kind: "atlas" | "class" | "comparison";
  classes: number[];
  class_names: string[];
  /** What each is called in few words, no two alike; folders of earlier versions have none. */
  short_names?: string[];
  wnids: string[];
  levels: LevelMeta[];
  /** The layer that is shown at first; folders of earlier versions have none. */
  opens?: string | null;
  aligned: boolean;
  related: [string, string][];
  report: string | null;
  /** The file that tells which images are explained; folders of earlier versions have none. */
  explained?: string | null;
  made: [string, string][];
  record: unknown;
}

/** Place of a label in the unit square, its class, and the number of activations it speaks for. */
export type Region = [number, number, number, number];

export interface Cells {
  cells: number;
  highest: number;
  lowest: number;
  x: Uint16Array;
  y: Uint16Array;
  count: Uint32Array;
  cosine: Float32Array;
  classes: Uint32Array;
  effects: Float32Array;
  least: Float32Array;
  most: Float32Array;
  patches: Uint8Array | null;
  /** The image that each patch is of, cell by cell; folders of earlier versions have none. */
  images: Int32Array | null;
  labels: Region[];
  /** Number of the cell at `y * grid + x`, or -1. */
  at: Int32Array;
  largestCount: number;
  largestEffect: number;
}

/** Effect of every cell of a level on one class, in logits, and its ends. */
export interface Column {
  values: Float32Array;
  least: number;
  most: number;
}

/** Where the files of an atlas come from: a folder, one page that holds all, or a notebook. */
export interface Source {
  /** What a file of data holds. */
  data(path: string): Promise<unknown>;
  /** A picture, decoded. */
  image(path: string): Promise<CanvasImageSource & { width: number; height: number }>;
  /** Where a person may open a file, or null where there is none to open. */
  link(path: string): string | null;
  /** The folder on this machine's disk, where the page knows it. */
  readonly folder?: string | null;
  /** Whether the browser may save what is drawn from these pictures. */
  readonly savable: boolean;
}

/** Everything a permalink keeps. Places are in the unit square; zoom is 1 where all is seen. */
export interface State {
  layer: string;
  /** A fixed grid, or null where zoom decides. */
  grid: number | null;
  x: number;
  y: number;
  zoom: number;
  classA: number | null;
  classB: number | null;
  sign: Sign;
  /** The pinned cell: its grid, column and row. */
  pin: Pin | null;
  density: boolean;
  labels: boolean;
}

export type Sign = "both" | "for" | "against";

export interface Pin {
  grid: number;
  x: number;
  y: number;
}
