// Words: what the figures of a method say, in plain English.
import { signed } from "../app.ts";

export interface Check {
  name: string;
  /** Which values are good, as a sign and in words. */
  sign: string;
  good: string;
  /** What it is. */
  about: string;
  text(value: number): string;
}

const percent = (value: number): string => `${(100 * value).toFixed(Math.abs(value) < 0.0995 ? 1 : 0)}\u2009%`;

/** In the order in which they come. */
export const CHECKS: readonly Check[] = [
  {
    name: "Completeness",
    sign: "\u2192\u20090",
    good: "0 is good",
    about:
      "how far the sum of the map lies from what it should add up to, the change of the target from the " +
      "baseline to the image, as a part of that change. It does not say that the sum is put in the right places. " +
      "Methods that promise no sum have none.",
    text: percent,
  },
  {
    name: "Insertion",
    sign: "\u2191",
    good: "high is good",
    about:
      "mean of the target while pixels are put into the baseline, those first that the map says matter most, as a " +
      "part of the way from baseline to image.",
    text: (value) => value.toFixed(2),
  },
  {
    name: "Deletion",
    sign: "\u2193",
    good: "low is good",
    about: "the same while they are taken out of the image.",
    text: (value) => value.toFixed(2),
  },
  {
    name: "Random weights",
    sign: "\u2192\u20090",
    good: "near 0 is good",
    about: "rank correlation with the map of a network of random weights.",
    text: (value) => signed(value),
  },
  {
    name: "Other labels",
    sign: "\u2192\u20090",
    good: "near 0 is good",
    about: "rank correlation with the map of a network trained on, or asked for, other labels.",
    text: (value) => signed(value),
  },
];

/** Which of them are known of any method: what nobody has is not spoken of. */
export function knownChecks(methods: readonly { readonly checks: readonly (readonly (number | null)[])[] }[]): number[] {
  return CHECKS.flatMap((_, i) => (methods.some(({ checks }) => checks.some((one) => one[i] !== null)) ? [i] : []));
}

const [COMPLETENESS, , , WEIGHTS, LABELS] = [0, 1, 2, 3, 4];
const FAR = 0.1; // of the change that a map should add up to
const ALIKE = 0.5; // rank correlation

/** What must be known before a map is believed; nothing where nothing speaks against it. */
export function warnings(checks: readonly (number | null)[]): string[] {
  const found: string[] = [];
  const beyond = (which: number, limit: number): boolean => Math.abs(checks[which] ?? 0) > limit;
  if (beyond(WEIGHTS, ALIKE)) found.push("looks much the same with random weights: it shows the image more than the network");
  if (beyond(LABELS, ALIKE)) found.push("looks much the same for other labels: it says little about this answer");
  if (beyond(COMPLETENESS, FAR)) found.push("does not add up to the answer");
  return found;
}

/** What is known of these figures, each with those that it is about. */
export const KNOWN: readonly { of: readonly number[]; text: string }[] = [
  { of: [1, 2], text: "Insertion and deletion show the network images unlike any that it was trained on. They depend on the baseline, " +
    "and rank methods differently from image to image and from each other (Tomsett et al. 2020, \u201cSanity checks " +
    "for saliency metrics\u201d): a difference on one image says little." },
  { of: [3, 4], text: "Random weights and other labels are sanity checks (Adebayo et al. 2018, \u201cSanity checks for saliency " +
    "maps\u201d). A map that stays the same when the network knows nothing, or something else, cannot explain what it " +
    "knows. To pass them is needed, and not enough." },
];
