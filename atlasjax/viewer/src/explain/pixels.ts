// Pixels: maps as colours over an image. Everything here is numbers in, RGBA out.
import { type Colour, colourOf, dimmed, type Palette } from "../shade.ts";

type Pixels = Uint8ClampedArray<ArrayBuffer>;

const CLIP = 0.995; // of the pixels; what lies beyond is drawn as that, as is usual for gradients
const COVER = 0.92; // of what is not to be seen

/** The magnitude that a part of the values lie below. */
export function quantile(values: ArrayLike<number>, part: number): number {
  const sorted = Float32Array.from(values, Math.abs).sort();
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] : 0;
}

/** The value that a share of the values reach: the pixels that are shown. */
export function threshold(values: ArrayLike<number>, share: number): number {
  const sorted = Float32Array.from(values).sort();
  const shown = Math.round(share * sorted.length);
  return shown <= 0 ? Infinity : sorted[sorted.length - shown];
}

/** For and against in two colours, the stronger the less is seen of the image. */
export function heat(values: Float32Array, amount: number, palette: Palette): Pixels {
  const end = quantile(values, CLIP) || quantile(values, 1) || 1;
  return each(values, (value) => {
    const strength = Math.min(1, Math.abs(value) / end);
    return [colourOf(value < 0 ? 1 : 0, palette), amount * strength ** 0.7];
  });
}

/** The share of pixels with the largest values stays; the rest is covered. */
export function reveal(values: Float32Array, share: number, ground: Colour): Pixels {
  const least = threshold(values, share);
  return each(values, (value) => [ground, value >= least ? 0 : COVER]);
}

/** A spotlight: what is not lit sinks into the ground, what speaks against is tinted. */
export function spotlight(lit: Float32Array, palette: Palette): Pixels {
  return each(lit, (value) => over(palette, Math.min(1, Math.abs(value)), value < 0 ? 1 : 0, value < 0 ? 0.35 : 0));
}

/** Effects on a grid: what does nothing sinks into the ground, the rest is tinted by its sign. */
export function shaded(values: Float32Array, palette: Palette, tint: number): Pixels {
  const end = quantile(values, 1) || 1;
  return each(values, (value) => over(palette, Math.abs(value) / end, value < 0 ? 1 : 0, tint));
}

/** A tint over a dimming, as one colour with its alpha. */
function over(palette: Palette, strength: number, hue: number, tint: number): [Colour, number] {
  const below = dimmed(strength);
  const above = tint * strength;
  const alpha = 1 - (1 - above) * (1 - below);
  if (alpha === 0) return [palette.ground, 0];
  const colour = colourOf(hue, palette).map(
    (part, i) => (part * above + palette.ground[i] * below * (1 - above)) / alpha,
  );
  return [colour as unknown as Colour, alpha];
}

function each(values: Float32Array, colour: (value: number) => [Colour, number]): Pixels {
  const pixels = new Uint8ClampedArray(4 * values.length);
  values.forEach((value, i) => {
    const [[r, g, b], alpha] = colour(value);
    pixels.set([r, g, b, Math.round(255 * alpha)], 4 * i);
  });
  return pixels;
}

/** Put pixels on a canvas, one px each; CSS makes them as large as the image. */
export function put(canvas: HTMLCanvasElement, pixels: Pixels | null, width: number, height: number): void {
  canvas.hidden = !pixels;
  if (!pixels) return;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  canvas.getContext("2d")!.putImageData(new ImageData(pixels, width, height), 0, 0);
}
