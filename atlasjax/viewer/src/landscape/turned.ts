// Turned: a surface seen from aside, which a hand or the keys turn.
import { colourOf, css } from "./colours.ts";
import type { Measure, Scale, Slice, Surface } from "./data.ts";

export interface Angles {
  /** Around the upright, in radians. */
  around: number;
  /** Of the eye above the plane. */
  above: number;
}

const HIGH = 0.75; // of a side, that the greatest height has
const LIFTED = 0.012;

type Point = readonly [number, number, number];

/** Where a point of the unit cube is seen: to the right, up, and how far away. */
export function seen([x, y, z]: Point, { around, above }: Angles): Point {
  const [u, v, w] = [x - 0.5, y - 0.5, (z - 0.5) * HIGH];
  const right = u * Math.cos(around) - v * Math.sin(around);
  const deep = u * Math.sin(around) + v * Math.cos(around);
  return [right, w * Math.cos(above) + deep * Math.sin(above), deep * Math.cos(above) - w * Math.sin(above)];
}

export function drawTurned(canvas: HTMLCanvasElement, surface: Surface, slice: Slice, scale: Scale, angles: Angles, measure: Measure): void {
  const ratio = window.devicePixelRatio || 1;
  const side = canvas.clientWidth;
  canvas.width = canvas.height = Math.round(side * ratio);
  const context = canvas.getContext("2d")!;
  context.scale(ratio, ratio);
  const size = side / 1.55;
  const flat = ([right, up]: Point): readonly [number, number] => [side / 2 + right * size, side / 2 - up * size];
  const point = (i: number, j: number): Point | null => {
    const height = scale.height(slice.at(i, j));
    return Number.isFinite(height) ? [i / (slice.x.length - 1), j / (slice.y.length - 1), height] : null;
  };
  floor(context, flat, angles, getComputedStyle(canvas).getPropertyValue("--line"));
  const faces: { depth: number; corners: Point[]; height: number; light: number }[] = [];
  for (let i = 0; i + 1 < slice.x.length; i++) {
    for (let j = 0; j + 1 < slice.y.length; j++) {
      const corners = [point(i, j), point(i + 1, j), point(i + 1, j + 1), point(i, j + 1)];
      if (corners.some((corner) => corner === null)) continue;
      const known = corners as Point[];
      const height = known.reduce((sum, corner) => sum + corner[2], 0) / 4;
      const placed = known.map((corner) => seen(corner, angles));
      faces.push({ depth: placed.reduce((sum, p) => sum + p[2], 0), corners: placed, height, light: lit(known, slice) });
    }
  }
  faces.sort((a, b) => b.depth - a.depth);
  for (const { corners, height, light } of faces) {
    const colour = css(colourOf(height), light);
    context.fillStyle = context.strokeStyle = colour;
    context.lineWidth = 0.7;
    context.beginPath();
    for (const corner of corners) context.lineTo(...flat(corner));
    context.closePath();
    context.fill();
    context.stroke();
  }
  if (surface.path && surface.places.length === 2) trail(context, surface, slice, scale, angles, flat, measure);
}

/** How bright a face is in a light from above and aside. */
function lit([a, b, , d]: readonly Point[], slice: Slice): number {
  const slopeX = (b[2] - a[2]) * (slice.x.length - 1) * HIGH;
  const slopeY = (d[2] - a[2]) * (slice.y.length - 1) * HIGH;
  const facing = (0.35 * slopeX + 0.25 * slopeY + 0.9) / Math.hypot(slopeX, slopeY, 1);
  return 0.62 + 0.42 * Math.max(0, Math.min(1, facing));
}

function floor(context: CanvasRenderingContext2D, flat: (p: Point) => readonly [number, number], angles: Angles, line: string): void {
  context.strokeStyle = line;
  context.lineWidth = 1;
  context.beginPath();
  const corners: Point[] = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]];
  corners.forEach((corner, k) => {
    context.moveTo(...flat(seen(corner, angles)));
    context.lineTo(...flat(seen(corners[(k + 1) % 4], angles)));
  });
  context.stroke();
}

function trail(context: CanvasRenderingContext2D, surface: Surface, slice: Slice, scale: Scale, angles: Angles, flat: (p: Point) => readonly [number, number], measure: Measure): void {
  const { at, names } = surface.path!;
  const values = surface.path![measure];
  const share = (places: Float32Array, value: number): number => (value - places[0]) / (places[places.length - 1] - places[0]);
  const points = names.map((_, i): readonly [number, number] =>
    flat(seen([share(slice.x, at[2 * i]), share(slice.y, at[2 * i + 1]), Math.min(Math.max(scale.height(values[i]), 0), 1) + LIFTED], angles)),
  );
  const colour = getComputedStyle(context.canvas).getPropertyValue("--negative");
  for (const [line, wide] of [["white", 3.5], [colour, 1.8]] as const) {
    context.strokeStyle = context.fillStyle = line;
    context.lineWidth = wide;
    context.beginPath();
    for (const p of points) context.lineTo(...p);
    context.stroke();
    for (const p of points) {
      context.beginPath();
      context.arc(...p, 1 + wide / 1.4, 0, 7);
      context.fill();
    }
  }
}
