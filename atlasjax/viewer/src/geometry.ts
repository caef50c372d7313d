// Geometry: between the unit square of a map and the window, and which level a scale asks for.
import { clamp } from "./permalink.ts";

/** `screen = offset + scale * unit`, in CSS px. */
export interface View {
  k: number;
  x: number;
  y: number;
}

/** The part of the window that no panel covers, in CSS px. */
export interface Free {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** The least width of a cell that is worth its own icon, in CSS px. */
export const READABLE = 34;
const KEEP = 0.82; // a level stays until its cells are this much smaller: no flicker at the edge

/** The scale at which the whole map is seen. */
export const fit = (free: Free): number => Math.max(40, Math.min(free.width, free.height) * 0.96);

/** The view that has a place in the middle of what is free. */
export function viewOf(x: number, y: number, zoom: number, free: Free): View {
  const k = fit(free) * zoom;
  return {
    k,
    x: free.left + free.width / 2 - k * x,
    y: free.top + free.height / 2 - k * y,
  };
}

/** The place in the middle of what is free, and the zoom. */
export function placeOf(view: View, free: Free): { x: number; y: number; zoom: number } {
  return {
    x: (free.left + free.width / 2 - view.x) / view.k,
    y: (free.top + free.height / 2 - view.y) / view.k,
    zoom: view.k / fit(free),
  };
}

/** The finest grid whose cells can be read at a scale. */
export function gridFor(k: number, grids: number[], current: number | null): number {
  const sorted = [...grids].sort((a, b) => a - b);
  let chosen = sorted[0];
  for (const grid of sorted) {
    const least = current !== null && grid <= current ? READABLE * KEEP : READABLE;
    if (k / grid >= least) chosen = grid;
  }
  return chosen;
}

/** Columns or rows, first and last, that a window shows of a level. */
export function visible(offset: number, k: number, grid: number, size: number): [number, number] {
  const cell = k / grid;
  return [
    clamp(Math.floor(-offset / cell), 0, grid - 1),
    clamp(Math.floor((size - 1 - offset) / cell), 0, grid - 1),
  ];
}

/** The next of some cells in a direction: straight ahead if there is one, else the least detour. */
export function towards(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  from: number,
  dx: number,
  dy: number,
): number {
  let best = -1;
  let least = Infinity;
  for (let i = 0; i < x.length; i++) {
    const right = x[i] - x[from];
    const down = y[i] - y[from];
    const ahead = right * dx + down * dy;
    if (ahead <= 0) continue;
    const away = ahead + 3 * Math.abs(right * dy + down * dx);
    if (away < least) [best, least] = [i, away];
  }
  return best;
}

/** The cell whose middle is nearest to a place in the unit square. */
export function nearestCell(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  grid: number,
  atX: number,
  atY: number,
): number {
  let best = -1;
  let least = Infinity;
  for (let i = 0; i < x.length; i++) {
    const away = Math.hypot((x[i] + 0.5) / grid - atX, (y[i] + 0.5) / grid - atY);
    if (away < least) [best, least] = [i, away];
  }
  return best;
}
