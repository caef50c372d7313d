// Lines of equal height, by marching squares.
import type { Slice } from "./data.ts";

/** Ends of a line, in places of the grid. */
export type Segment = readonly [number, number, number, number];

/** Lines of a level through all squares of which every corner is a number. */
export function contour(slice: Slice, height: (value: number) => number, level: number): Segment[] {
  const found: Segment[] = [];
  for (let i = 0; i + 1 < slice.x.length; i++) {
    for (let j = 0; j + 1 < slice.y.length; j++) {
      const corners: [number, number, number][] = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]].map(
        ([a, b]) => [a, b, height(slice.at(a, b)) - level],
      );
      if (corners.some(([, , value]) => !Number.isFinite(value))) continue;
      const crossed: [number, number][] = [];
      for (let k = 0; k < 4; k++) {
        const [[ax, ay, a], [bx, by, b]] = [corners[k], corners[(k + 1) % 4]];
        if (a < 0 === b < 0) continue;
        const share = a / (a - b);
        crossed.push([ax + share * (bx - ax), ay + share * (by - ay)]);
      }
      for (let k = 0; k + 1 < crossed.length; k += 2) found.push([...crossed[k], ...crossed[k + 1]]);
    }
  }
  return found;
}
