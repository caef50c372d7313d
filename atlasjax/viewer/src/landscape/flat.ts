// Flat: a surface from above, with lines of equal height; or a curve, where there is one direction.
import { colourOf, css } from "./colours.ts";
import { contour } from "./lines.ts";
import type { Scale, Slice, Surface } from "./data.ts";

const LINES = 13;
const FINE = 4; // steps between two points of the grid, so that colours run smoothly
export const EDGE = 34; // px for the numbers of the axes

export interface Flat {
  /** The place of a pixel, or null beside the surface. */
  place(px: number, py: number): readonly [number, number] | null;
}

const span = (places: Float32Array): readonly [number, number] => [places[0], places[places.length - 1]];

/** The value between points of the grid, linearly; NaN beside one that is not finite. */
export function between(slice: Slice, height: (value: number) => number, u: number, v: number): number {
  const [i, j] = [Math.min(Math.floor(u), slice.x.length - 2), Math.min(Math.floor(v), slice.y.length - 2)];
  const [a, b] = [u - i, v - j];
  const at = (k: number, l: number, weight: number): number => (weight === 0 ? 0 : weight * height(slice.at(i + k, j + l)));
  return at(0, 0, (1 - a) * (1 - b)) + at(1, 0, a * (1 - b)) + at(0, 1, (1 - a) * b) + at(1, 1, a * b);
}

export function drawFlat(canvas: HTMLCanvasElement, surface: Surface, slice: Slice, scale: Scale): Flat {
  const ratio = window.devicePixelRatio || 1;
  const side = canvas.clientWidth;
  const [width, height] = [side - EDGE, side - EDGE];
  canvas.width = canvas.height = Math.round(side * ratio);
  const context = canvas.getContext("2d")!;
  context.scale(ratio, ratio);
  const styles = getComputedStyle(canvas);
  const [ink, quiet, path, ground] = ["--text", "--quiet", "--negative", "--ground"].map((name) => styles.getPropertyValue(name).trim());
  const [[x0, x1], [y0, y1]] = [span(slice.x), span(slice.y)];
  const across = (x: number): number => EDGE + ((x - x0) / (x1 - x0 || 1)) * width;
  const up = (y: number): number => height - ((y - y0) / (y1 - y0 || 1)) * height;

  context.drawImage(shade(slice, scale, ground), EDGE, 0, width, height);
  context.strokeStyle = "rgb(255 255 255 / 0.55)";
  context.lineWidth = 0.8;
  context.beginPath();
  const [stepX, stepY] = [width / (slice.x.length - 1), height / (slice.y.length - 1)];
  for (let k = 1; k <= LINES; k++) {
    for (const [ax, ay, bx, by] of contour(slice, scale.height, k / (LINES + 1))) {
      context.moveTo(EDGE + ax * stepX, height - ay * stepY);
      context.lineTo(EDGE + bx * stepX, height - by * stepY);
    }
  }
  context.stroke();
  crosses(context, slice, across, up, path);
  if (surface.path) trail(context, surface, across, up, path);
  if (x0 <= 0 && x1 >= 0 && y0 <= 0 && y1 >= 0) {
    context.strokeStyle = "white";
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(across(0) - 6, up(0));
    context.lineTo(across(0) + 6, up(0));
    context.moveTo(across(0), up(0) - 6);
    context.lineTo(across(0), up(0) + 6);
    context.stroke();
  }
  numbers(context, [x0, x1], [y0, y1], { width, height, ink, quiet });
  return {
    place: (px, py) =>
      px < EDGE || py > height ? null : [x0 + ((px - EDGE) / width) * (x1 - x0), y0 + ((height - py) / height) * (y1 - y0)],
  };
}

function shade(slice: Slice, scale: Scale, ground: string): HTMLCanvasElement {
  const [columns, rows] = [(slice.x.length - 1) * FINE + 1, (slice.y.length - 1) * FINE + 1];
  const made = document.createElement("canvas");
  [made.width, made.height] = [columns, rows];
  const context = made.getContext("2d")!;
  context.fillStyle = ground;
  context.fillRect(0, 0, columns, rows);
  const pixels = context.getImageData(0, 0, columns, rows);
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < rows; j++) {
      const height = between(slice, scale.height, i / FINE, j / FINE);
      if (!Number.isFinite(height)) continue;
      pixels.data.set([...colourOf(height), 255], 4 * ((rows - 1 - j) * columns + i));
    }
  }
  context.putImageData(pixels, 0, 0);
  return made;
}

function crosses(context: CanvasRenderingContext2D, slice: Slice, across: (x: number) => number, up: (y: number) => number, colour: string): void {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  slice.x.forEach((x, i) =>
    slice.y.forEach((y, j) => {
      if (Number.isFinite(slice.at(i, j))) return;
      context.moveTo(across(x) - 2, up(y) - 2);
      context.lineTo(across(x) + 2, up(y) + 2);
      context.moveTo(across(x) - 2, up(y) + 2);
      context.lineTo(across(x) + 2, up(y) - 2);
    }),
  );
  context.stroke();
}

function trail(context: CanvasRenderingContext2D, surface: Surface, across: (x: number) => number, up: (y: number) => number, colour: string): void {
  const { at, names } = surface.path!;
  const width = surface.places.length;
  for (const [line, wide] of [["white", 3.5], [colour, 1.8]] as const) {
    context.strokeStyle = context.fillStyle = line;
    context.lineWidth = wide;
    context.beginPath();
    names.forEach((_, i) => context.lineTo(across(at[i * width]), up(at[i * width + 1])));
    context.stroke();
    names.forEach((_, i) => {
      context.beginPath();
      context.arc(across(at[i * width]), up(at[i * width + 1]), 1 + wide / 1.4, 0, 7);
      context.fill();
    });
  }
}

interface Frame {
  width: number;
  height: number;
  ink: string;
  quiet: string;
}

function numbers(context: CanvasRenderingContext2D, x: readonly [number, number], y: readonly [number, number], frame: Frame): void {
  context.fillStyle = frame.quiet;
  context.font = "11px system-ui, sans-serif";
  const text = (value: number): string => String(Number(value.toPrecision(2))).replace("-", "\u2212");
  for (const share of [0, 0.5, 1]) {
    context.textAlign = share === 0 ? "left" : share === 1 ? "right" : "center";
    context.textBaseline = "top";
    context.fillText(text(x[0] + share * (x[1] - x[0])), EDGE + share * frame.width, frame.height + 5);
    context.textAlign = "right";
    context.textBaseline = share === 0 ? "bottom" : share === 1 ? "top" : "middle";
    context.fillText(text(y[0] + share * (y[1] - y[0])), EDGE - 5, frame.height * (1 - share));
  }
}

/** A curve of loss or accuracy along one direction. */
export function drawCurve(canvas: HTMLCanvasElement, slice: Slice, scale: Scale): Flat {
  const ratio = window.devicePixelRatio || 1;
  const side = canvas.clientWidth;
  const [width, height] = [side - EDGE, side - EDGE];
  canvas.width = canvas.height = Math.round(side * ratio);
  const context = canvas.getContext("2d")!;
  context.scale(ratio, ratio);
  const styles = getComputedStyle(canvas);
  const [ink, quiet, line, mark] = ["--text", "--quiet", "--positive", "--negative"].map((name) => styles.getPropertyValue(name).trim());
  const [x0, x1] = span(slice.x);
  const across = (x: number): number => EDGE + ((x - x0) / (x1 - x0 || 1)) * width;
  context.lineWidth = 2;
  context.strokeStyle = line;
  context.beginPath();
  let broken = true;
  slice.x.forEach((x, i) => {
    const h = scale.height(slice.at(i, 0));
    if (!Number.isFinite(h)) {
      broken = true;
      context.fillStyle = mark;
      context.fillText("\u00d7", across(x) - 3, height - 2);
      return;
    }
    const y = 4 + (1 - h) * (height - 8);
    if (broken) context.moveTo(across(x), y);
    else context.lineTo(across(x), y);
    broken = false;
  });
  context.stroke();
  numbers(context, [x0, x1], [scale.low, scale.high], { width, height, ink, quiet });
  return { place: (px) => (px < EDGE ? null : [x0 + ((px - EDGE) / width) * (x1 - x0), 0]) };
}

export const swatch = (height: number): string => css(colourOf(height));
