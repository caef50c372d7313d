// Words: what the figures of a method say, in plain English.
import { signed } from "../app.ts";

export interface Check {
  name: string;
  /** What is good. */
  good: string;
  /** What it is, for whoever points at it. */
  about: string;
  text(value: number): string;
}

const percent = (value: number): string => `${(100 * value).toFixed(Math.abs(value) < 0.0995 ? 1 : 0)}\u2009%`;

/** In the order in which they come. */
export const CHECKS: readonly Check[] = [
  {
    name: "Completeness",
    good: "0 is good",
    about: "How far the map\u2019s sum lies from what it should add up to: the target\u2019s change from baseline to image.",
    text: (value) => `off by ${percent(value)}`,
  },
  {
    name: "Insertion",
    good: "high is good",
    about: "Mean of the target while the pixels that matter most are put into the baseline, first things first.",
    text: (value) => value.toFixed(2),
  },
  {
    name: "Deletion",
    good: "low is good",
    about: "Mean of the target while the pixels that matter most are taken out of the image.",
    text: (value) => value.toFixed(2),
  },
  {
    name: "Random weights",
    good: "near 0 is good",
    about: "Rank correlation with the map of a network of random weights.",
    text: (value) => signed(value),
  },
  {
    name: "Other labels",
    good: "near 0 is good",
    about: "Rank correlation with the map for, or after training on, other labels.",
    text: (value) => signed(value),
  },
];

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

/** What is known of these figures. */
export const ABOUT_CHECKS: readonly (readonly [string, string])[] = [
  [
    "Insertion and deletion",
    "show the network images unlike any that it was trained on, depend on the baseline, and rank methods " +
      "differently from image to image and from each other (Tomsett et al. 2020, \u201cSanity checks for saliency " +
      "metrics\u201d). Compare them on many images before one method is called better.",
  ],
  [
    "Random weights and other labels",
    "are sanity checks: a map that stays the same when the network knows nothing, or something else, cannot " +
      "explain what it knows (Adebayo et al. 2018, \u201cSanity checks for saliency maps\u201d). Passing them is needed, " +
      "and not enough.",
  ],
  [
    "Completeness",
    "only says that a map adds up, not that it puts the sum in the right places. Methods that promise no sum have none.",
  ],
];
