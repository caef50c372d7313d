// The app: what the parts of the viewer share. One state, a few events, no globals.
import type { Table } from "./explained.ts";
import { fullName } from "./labels.ts";
import type { Palette } from "./shade.ts";
import type { Store } from "./store.ts";
import type { Theme } from "./theme.ts";
import type { Tiles } from "./tiles.ts";
import type { Cells, LevelMeta, Source, State } from "./types.ts";

/** `state`: the state changed. `view`: the map moved. `level`: another level is shown, or its cells
 * have come. `cell`: another cell is looked at. `shade`: effects have come. `tiles`: sheets have come.
 * `explained`: it is known which images are. `theme`, `missing`. */
export type Happening = "state" | "view" | "level" | "cell" | "shade" | "tiles" | "explained" | "theme" | "missing";

export interface App {
  readonly root: HTMLElement;
  readonly source: Source;
  readonly store: Store;
  readonly tiles: Tiles;
  readonly state: Readonly<State>;
  /** Change the state and tell everybody. */
  set(patch: Partial<State>): void;
  on(happening: Happening, listener: () => void): void;
  emit(happening: Happening): void;
  /** The level that is shown, and its cells once they are there. */
  level: LevelMeta;
  cells(): Cells | undefined;
  /** The cell under the pointer or the keyboard's cursor, or -1. */
  hovered: number;
  /** The pinned cell of the shown level, or -1. */
  pinned(): number;
  /** The images that have a page of their own; none before it is known. */
  explained: Table;
  palette(): Palette;
  theme: Theme;
  readonly calm: boolean;
  /** Files that are missing. */
  readonly missing: Set<string>;
  /** Tell a screen reader. */
  speak(text: string): void;
  /** Tell everybody, for a while. */
  toast(text: string): void;
}

/** Events by name. */
export function createEvents<Name extends string = Happening>(): {
  on(name: Name, listener: () => void): void;
  emit(name: Name): void;
} {
  const listeners = new Map<Name, (() => void)[]>();
  return {
    on: (name, listener) => void listeners.set(name, [...(listeners.get(name) ?? []), listener]),
    emit: (name) => listeners.get(name)?.forEach((listener) => listener()),
  };
}

/** The cell of a level whose place is that of a cell of another level, or -1. */
export function sameCell(cells: Cells, meta: LevelMeta, pin: NonNullable<State["pin"]>): number {
  if (pin.grid === meta.grid) return cells.at[pin.y * meta.grid + pin.x] ?? -1;
  const x = Math.floor(((pin.x + 0.5) / pin.grid) * meta.grid);
  const y = Math.floor(((pin.y + 0.5) / pin.grid) * meta.grid);
  return cells.at[y * meta.grid + x] ?? -1;
}

export const whole = (value: number): string => value.toLocaleString("en");

export function signed(value: number, digits = 2): string {
  if (!Number.isFinite(value)) return "unknown";
  const size = Math.abs(value).toFixed(digits);
  return (Number(size) === 0 ? "" : value < 0 ? "\u2212" : "+") + size;
}

/** Digits that tell effects of a size apart: an untrained network's are tiny, yet not zero. */
export const digitsFor = (largest: number): number =>
  largest > 0 ? Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(largest)))) : 2;

export const address = (cells: Cells, i: number): string => `row ${cells.y[i]}, column ${cells.x[i]}`;

/** What stands where effects on classes would be. */
export const NO_CLASSES = "This network has no classes: cells have no effects to show.";

/** What of the app says which classes there are. */
interface Named {
  readonly store: {
    readonly index: { readonly class_names: readonly string[]; readonly short_names?: readonly string[] };
  };
}

export const hasClasses = (app: Named): boolean => app.store.index.class_names.length > 0;

/** The class that a cell speaks most for; null where the network has none. */
export function strongest(app: Named, cells: Cells, i: number): string | null {
  if (!cells.highest) return null;
  return fullName(app.store.index, cells.classes[i * (cells.highest + cells.lowest)]);
}
