// Shading: how much each cell speaks for a class, or for which of two, as colour over the map.
//
// Blue and orange stay apart for every common kind of colour blindness. What says nothing sinks
// into the background, so that the icons that matter stay as they are.
import type { Column, Sign } from "./types.ts";

export type Colour = readonly [number, number, number];

export interface Palette {
  ground: Colour;
  positive: Colour;
  negative: Colour;
  both: Colour;
}

export const PALETTES: Record<"dark" | "light", Palette> = {
  dark: {
    ground: [16, 18, 22],
    positive: [64, 160, 245],
    negative: [245, 140, 50],
    both: [225, 225, 225],
  },
  light: {
    ground: [250, 250, 248],
    positive: [0, 105, 190],
    negative: [205, 85, 0],
    both: [90, 90, 90],
  },
};

/** How strongly a cell is coloured, 0 to 1, and where between the two colours, 0 to 1. */
export interface Shade {
  strength: number;
  /** 0 is the positive colour, or class A; 1 the negative one, or class B. */
  hue: number;
}

const ratio = (value: number, end: number): number =>
  end !== 0 && value / end > 0 ? Math.min(1, value / end) : 0;

/** The shade of an effect on one class. */
export function shadeOne(value: number, column: Column, sign: Sign): Shade {
  if (sign === "for") return { strength: ratio(value, Math.max(0, column.most)), hue: 0 };
  if (sign === "against") return { strength: ratio(value, Math.min(0, column.least)), hue: 1 };
  const end = Math.max(Math.abs(column.most), Math.abs(column.least));
  return { strength: ratio(Math.abs(value), end), hue: value < 0 ? 1 : 0 };
}

/** The end of the scale that two classes share, so that their colours compare. */
export const sharedEnd = (A: Column, B: Column, sign: Sign): number =>
  sign === "against" ? Math.min(0, A.least, B.least) : Math.max(0, A.most, B.most);

/** The shade of the effects on two classes: which of them, and how much. */
export function shadeTwo(a: number, b: number, A: Column, B: Column, sign: Sign): Shade {
  const end = sharedEnd(A, B, sign);
  const [forA, forB] = [ratio(a, end), ratio(b, end)];
  const sum = forA + forB;
  return { strength: Math.max(forA, forB), hue: sum > 0 ? forB / sum : 0.5 };
}

const mix = (a: Colour, b: Colour, t: number): Colour => [
  a[0] + (b[0] - a[0]) * t,
  a[1] + (b[1] - a[1]) * t,
  a[2] + (b[2] - a[2]) * t,
];

/** The colour of a hue: from the one end through the middle to the other. */
export function colourOf(hue: number, palette: Palette): Colour {
  return hue < 0.5
    ? mix(palette.positive, palette.both, hue * 2)
    : mix(palette.both, palette.negative, hue * 2 - 1);
}

/** How much of a cell the background covers. */
export const dimmed = (strength: number): number => 0.8 * (1 - strength) ** 1.5;

/** How much of a cell its colour covers; less where its icon is large enough to be looked at. */
export const tinted = (strength: number, cell: number): number =>
  strength * (cell < 24 ? 0.55 : cell > 96 ? 0.22 : 0.55 - (0.33 * (cell - 24)) / 72);

export interface Overlay {
  dim: HTMLCanvasElement;
  tint: HTMLCanvasElement;
}

/** Paint the shades of a level, one px for each cell. */
export function overlay(
  grid: number,
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  shades: (cell: number) => Shade,
  palette: Palette,
): Overlay {
  const [dim, tint] = [new ImageData(grid, grid), new ImageData(grid, grid)];
  for (let i = 0; i < x.length; i++) {
    const at = 4 * (y[i] * grid + x[i]);
    const { strength, hue } = shades(i);
    dim.data.set([...palette.ground, 255 * dimmed(strength)], at);
    tint.data.set([...colourOf(hue, palette), 255 * strength], at);
  }
  return { dim: painted(dim), tint: painted(tint) };
}

function painted(data: ImageData): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = data.width;
  canvas.height = data.height;
  canvas.getContext("2d")!.putImageData(data, 0, 0);
  return canvas;
}

/** The legend's colours from one end to the other, as a CSS gradient over a middling icon. */
export function gradient(stops: Shade[], palette: Palette): string {
  const icon: Colour = [128, 128, 128];
  const css = stops.map(({ strength, hue }) => {
    const seen = mix(icon, palette.ground, dimmed(strength));
    const [r, g, b] = mix(seen, colourOf(hue, palette), 0.85 * strength).map(Math.round);
    return `rgb(${r} ${g} ${b})`;
  });
  return `linear-gradient(to right, ${css.join(", ")})`;
}
