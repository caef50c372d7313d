// Colours: those of viridis, which rise evenly for every kind of eye, also without colour.
const STOPS = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37],
] as const;

export type Colour = readonly [number, number, number];

/** The colour of a height from 0 to 1. */
export function colourOf(height: number): Colour {
  const place = Math.min(Math.max(height, 0), 1) * (STOPS.length - 1);
  const first = Math.min(Math.floor(place), STOPS.length - 2);
  const share = place - first;
  const mix = (k: 0 | 1 | 2): number => Math.round(STOPS[first][k] * (1 - share) + STOPS[first + 1][k] * share);
  return [mix(0), mix(1), mix(2)];
}

export const css = ([r, g, b]: Colour, light = 1): string =>
  `rgb(${Math.round(r * light)} ${Math.round(g * light)} ${Math.round(b * light)})`;

/** The scale as a background. */
export const gradient = (): string =>
  `linear-gradient(to right, ${STOPS.map((stop) => css(stop)).join(", ")})`;
