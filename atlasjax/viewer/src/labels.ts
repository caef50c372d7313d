// Labels: which names of regions fit on the map without covering one another.
import type { Region } from "./types.ts";

export interface Placed {
  text: string;
  /** Middle of the label in the unit square. */
  x: number;
  y: number;
}

const HEIGHT = 22;
const GAP = 8;
const LONGEST = 22; // letters of a name

/** What classes are called in few words: by their first names, as far as these tell them apart. */
export function shortNames(index: Named): readonly string[] {
  return index.short_names ?? index.class_names.map((name) => name.split(",")[0].trim() || name);
}

/** All names of a class; where another has the same, what tells them apart. */
export function fullName(index: Named, cls: number): string {
  const name = index.class_names[cls];
  const shared = index.class_names.indexOf(name) !== index.class_names.lastIndexOf(name);
  return shared ? shortNames(index)[cls] : name;
}

interface Named {
  readonly class_names: readonly string[];
  readonly short_names?: readonly string[];
}

/** What stands on the map: a short name, cut where it is long, and what tells it apart. */
export function onMap(short: string): string {
  const [, name, apart = ""] = /^(.*?)( \([^()]*\))?$/s.exec(short)!;
  return (name.length > LONGEST ? name.slice(0, LONGEST - 1).trimEnd() + "\u2026" : name) + apart;
}

/**
 * Place the labels that fit, the largest regions first. Which ones fit depends on the scale alone,
 * not on the window, so that none comes or goes while the map is dragged.
 */
export function place(
  regions: readonly Region[],
  names: readonly string[],
  k: number,
  width: (text: string) => number,
): Placed[] {
  const placed: (Placed & { half: number })[] = [];
  const rows = new Map<number, (Placed & { half: number })[]>();
  for (const [x, y, cls] of regions) {
    const text = onMap(names[cls]);
    const half = width(text) / 2 + GAP;
    const row = Math.floor((y * k) / HEIGHT);
    const near = [row - 1, row, row + 1].flatMap((r) => rows.get(r) ?? []);
    const covers = near.some(
      (other) =>
        Math.abs(other.x - x) * k < other.half + half && Math.abs(other.y - y) * k < HEIGHT,
    );
    if (covers) continue;
    const label = { text, x, y, half };
    placed.push(label);
    rows.set(row, [...(rows.get(row) ?? []), label]);
  }
  return placed;
}
