// Plots: the values of a unit, and what it answers to stimuli. Both are before the rectifier.
import { signed } from "../app.ts";
import { el } from "../dom.ts";
import { known, percent, withUnit } from "./store.ts";
import { draw } from "./svg.ts";
import type { Maybe, TuningMeta, Unit } from "./types.ts";

const WIDE = 280;
const HIGH = 150;

function plot(title: string, said: string, svg: SVGSVGElement, caption: string): HTMLElement {
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", said);
  return el("figure", { class: "plot" }, el("h3", {}, title), svg, caption ? el("figcaption", { class: "quiet" }, caption) : null);
}

const text = (x: number, y: number, said: string, anchor: string): SVGTextElement =>
  draw("text", { x, y, "text-anchor": anchor }, said);

/** A number on an axis, in few signs. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : -1;
  const said = digits < 0 ? value.toPrecision(2) : String(Number(value.toFixed(digits)));
  return said.replace("-", "\u2212");
}

/** The bins from the first to the last that holds anything, and the one with 0 in it. */
export function filled(counts: Float32Array, bins: Float32Array): [number, number] | null {
  const there = [...counts.keys()].filter((i) => counts[i] > 0);
  if (!there.length) return null;
  let [first, last] = [there[0], there[there.length - 1] + 1];
  while (first > 0 && bins[first] > 0) first--;
  while (last < counts.length && bins[last] < 0) last++;
  return [first, last];
}

export function histogram({ counts, bins }: NonNullable<Unit["histogram"]>, fires: Maybe | undefined): HTMLElement | null {
  const range = filled(counts, bins);
  if (!range) return null;
  const [first, last] = range;
  const [low, high] = [bins[first], bins[last]];
  const most = Math.log1p(counts.reduce((a, b) => Math.max(a, b)));
  const x = (value: number): number => ((value - low) / (high - low)) * WIDE;
  const svg = draw("svg", { viewBox: `-6 -4 ${WIDE + 12} ${HIGH + 26}`, class: "chart" });
  for (let i = first; i < last; i++) {
    const height = (Math.log1p(counts[i]) / most) * HIGH;
    if (!height) continue;
    for (const [a, b] of split(bins[i], bins[i + 1])) {
      svg.append(draw("rect", { class: a >= 0 ? "fires" : "silent", x: x(a), y: HIGH - height, width: Math.max(0.4, x(b) - x(a) - 0.5), height }));
    }
  }
  svg.append(draw("path", { class: "axis", d: `M0 ${HIGH}H${WIDE}` }));
  if (low < 0 && high > 0) svg.append(draw("path", { class: "zero", d: `M${x(0)} 0V${HIGH + 4}` }), text(x(0), HIGH + 17, "0", "middle"));
  if (x(0) > 40 || low >= 0) svg.append(text(0, HIGH + 17, short(low), "start"));
  if (WIDE - x(0) > 40 || high <= 0) svg.append(text(WIDE, HIGH + 17, short(high), "end"));
  const often = known(fires) ? `above 0 at ${percent(fires)} of positions` : "";
  return plot("Values before the rectifier", `Values from ${short(low)} to ${short(high)}${often && `, ${often}`}`, svg, [often, "heights by the logarithm of counts"].filter(Boolean).join("; "));
}

/** A bin, cut in two where 0 lies inside. */
const split = (a: number, b: number): [number, number][] => (a < 0 && b > 0 ? [[a, 0], [0, b]] : [[a, b]]);

/** The points of a curve whose parameter and answer are known. */
function points(meta: TuningMeta, answer: Float32Array): [number, number][] {
  return [...answer].flatMap((y, i): [number, number][] => {
    const x = meta.x[i];
    return known(x) && Number.isFinite(y) ? [[x, y]] : [];
  });
}

export function tuning(meta: TuningMeta, answer: Float32Array, preferred: Maybe | undefined): HTMLElement | null {
  const curve = points(meta, answer);
  // What answers nothing has no tuning to be seen.
  if (curve.length < 2 || curve.every(([, y]) => y === 0)) return null;
  const most = curve.reduce((best, point) => (point[1] > best[1] ? point : best));
  const prefers = known(preferred) ? `prefers ${withUnit(preferred, meta.unit_of_x)}` : "prefers none";
  const most_ = `largest answer ${signed(most[1])}`;
  const svg = meta.periodic ? polar(meta, curve, preferred) : line(meta, curve, preferred);
  return plot(meta.title, `${meta.title}: ${prefers}, ${most_} at ${withUnit(most[0], meta.unit_of_x)}`, svg, `${prefers}; ${most_}`);
}

/** Once round in the parameter's own unit: where the next step after the last is the first again. */
export function period(x: readonly number[]): number {
  return (x[x.length - 1] - x[0]) * (x.length / (x.length - 1));
}

/** Directions of a curve on paper: an axis that is its own opposite after half a turn comes twice. */
export function turns(unit: string, x: readonly number[]): { turn(value: number): number; twice: boolean } {
  const once = period(x);
  const halves = /^deg/.test(unit) && Math.abs(once - 180) < 1;
  const whole = halves || /^deg/.test(unit) ? 360 : once;
  const from = /^deg/.test(unit) ? 0 : x[0];
  return { turn: (value) => ((value - from) / whole) * 2 * Math.PI, twice: halves };
}

const RIM = 88;

/** Angle 0 to the right, counterclockwise, as stimuli have it; the dashed circle is an answer of 0. */
function polar(meta: TuningMeta, curve: [number, number][], preferred: Maybe | undefined): SVGSVGElement {
  const { turn, twice } = turns(meta.unit_of_x, curve.map(([x]) => x));
  const values = curve.map(([, y]) => y);
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const far = (y: number): number => (high > low ? ((y - low) / (high - low)) * RIM : 0);
  const at = (angle: number, r: number): string => `${(r * Math.cos(angle)).toFixed(2)} ${(-r * Math.sin(angle)).toFixed(2)}`;
  const round = twice ? [...curve.map(([x, y]) => [turn(x), y]), ...curve.map(([x, y]) => [turn(x) + Math.PI, y])] : curve.map(([x, y]) => [turn(x), y]);
  const svg = draw("svg", { viewBox: "-124 -104 248 208", class: "chart" });
  svg.append(
    draw("circle", { class: "grid", r: RIM }),
    draw("path", { class: "grid", d: `M${-RIM} 0H${RIM}M0 ${-RIM}V${RIM}` }),
    draw("circle", { class: "zero", r: far(0) }),
    draw("path", { class: "curve", d: `M${round.map(([angle, y]) => at(angle, far(y))).join("L")}Z` }),
  );
  if (known(preferred)) {
    const ends = twice ? [turn(preferred), turn(preferred) + Math.PI] : [turn(preferred)];
    svg.append(draw("path", { class: "preferred", d: ends.map((angle) => `M0 0L${at(angle, RIM)}`).join("") }));
  }
  const first = /^deg/.test(meta.unit_of_x) ? 0 : curve[0][0];
  svg.append(text(RIM + 6, 4, withUnit(first, meta.unit_of_x), "start"));
  if (/^deg/.test(meta.unit_of_x)) svg.append(text(0, -RIM - 6, "90\u00b0", "middle"));
  return svg;
}

function line(meta: TuningMeta, curve: [number, number][], preferred: Maybe | undefined): SVGSVGElement {
  const [xs, ys] = [curve.map(([x]) => x), curve.map(([, y]) => y)];
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [low, high] = [Math.min(0, ...ys), Math.max(0, ...ys)];
  const x = (value: number): number => (right > left ? ((value - left) / (right - left)) * WIDE : WIDE / 2);
  const y = (value: number): number => (high > low ? (1 - (value - low) / (high - low)) * HIGH : HIGH);
  const svg = draw("svg", { viewBox: `-6 -8 ${WIDE + 12} ${HIGH + 30}`, class: "chart" });
  svg.append(
    draw("path", { class: "zero", d: `M0 ${y(0)}H${WIDE}` }),
    draw("path", { class: "curve open", d: `M${curve.map(([a, b]) => `${x(a).toFixed(2)} ${y(b).toFixed(2)}`).join("L")}` }),
    text(0, HIGH + 17, withUnit(left, meta.unit_of_x), "start"),
    text(WIDE, HIGH + 17, withUnit(right, meta.unit_of_x), "end"),
  );
  if (known(preferred) && preferred >= left && preferred <= right) svg.append(draw("path", { class: "preferred", d: `M${x(preferred)} 0V${HIGH}` }));
  return svg;
}
