// Bars: signed numbers, for to the right of the middle and against to its left.
import { digitsFor, signed } from "./app.ts";
import { el } from "./dom.ts";

export interface Row {
  name: string;
  value: number;
  /** Whether it is the one that is chosen. */
  chosen: boolean;
}

/** The largest magnitude among all, so that bars compare. */
export const largestOf = (rows: readonly Row[]): number =>
  rows.reduce((most, { value }) => Math.max(most, Math.abs(value) || 0), 0) || 1;

/** Bars as one picture; what they say is in the name of what they belong to. */
export function bars(rows: readonly Row[], largest: number): HTMLElement {
  const digits = digitsFor(largest);
  return el("span", { class: "bars" }, ...rows.map((row) => bar(row, largest, digits)));
}

function bar({ name, value, chosen }: Row, largest: number, digits: number): HTMLElement {
  const part = el("span", { class: value < 0 ? "negative" : "positive" });
  part.style.width = `${Math.min(1, Math.abs(value || 0) / largest) * 50}%`;
  return el(
    "span",
    { class: chosen ? "bar chosen" : "bar" },
    el("span", { class: "name", title: name }, name),
    el("span", { class: "effect" }, part),
    el("span", { class: "number" }, signed(value, digits)),
  );
}

/** The same in words. */
export function inWords(rows: readonly Row[], largest: number): string {
  const digits = digitsFor(largest);
  return rows.map(({ name, value }) => `${signed(value, digits)} to ${name}`).join(", ");
}
