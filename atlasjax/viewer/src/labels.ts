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

/** What a class is called on the map: its first name, cut where it is long. */
export function shortName(name: string): string {
  const first = name.split(",")[0].trim() || name;
  return first.length > 22 ? first.slice(0, 21).trimEnd() + "\u2026" : first;
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
    const text = shortName(names[cls]);
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
