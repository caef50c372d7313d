// The legend: what the colours of the map mean, with their ends.
import { type App, digitsFor, signed } from "./app.ts";
import { el, segments } from "./dom.ts";
import { shortNames } from "./labels.ts";
import { gradient, type Shade, sharedEnd } from "./shade.ts";
import type { Shading } from "./shading.ts";
import type { Column, Sign } from "./types.ts";

const STEPS = Array.from({ length: 21 }, (_, i) => i / 20);

interface Scale {
  stops: Shade[];
  /** What is written under the left end, the middle and the right end. */
  marks: [string, string, string];
  /** What else is said of the numbers. */
  range: string;
}

function scaleOfOne(column: Column, sign: Sign): Scale {
  const { least, most } = column;
  const digits = digitsFor(Math.max(Math.abs(least), Math.abs(most)));
  if (sign === "for") {
    const stops = STEPS.map((t) => ({ strength: most > 0 ? t : 0, hue: 0 }));
    return { stops, marks: ["0", "", signed(Math.max(0, most), digits)], range: "" };
  }
  if (sign === "against") {
    const stops = STEPS.map((t) => ({ strength: least < 0 ? 1 - t : 0, hue: 1 }));
    return { stops, marks: [signed(Math.min(0, least), digits), "", "0"], range: "" };
  }
  const end = Math.max(Math.abs(least), Math.abs(most));
  const stops = STEPS.map((t) => ({ strength: Math.abs(2 * t - 1), hue: t < 0.5 ? 1 : 0 }));
  const range = `here from ${signed(least, digits)} to ${signed(most, digits)}`;
  return { stops, marks: [signed(-end, digits), "0", signed(end, digits)], range };
}

function scaleOfTwo(a: Column, b: Column, sign: Sign, names: [string, string]): Scale {
  const stops = STEPS.map((t) => ({ strength: 1, hue: t }));
  const end = sharedEnd(a, b, sign);
  const most = (column: Column): string =>
    signed(sign === "against" ? column.least : column.most, digitsFor(Math.abs(end)));
  return {
    stops,
    marks: [names[0], "both", names[1]],
    range: `up to ${most(a)} and ${most(b)}; one scale for both`,
  };
}

export function createLegend(app: App, shading: Shading): HTMLElement {
  const title = el("p", { class: "title" });
  const bar = el("div", { class: "ramp", role: "img" });
  const marks = el("div", { class: "marks" });
  const range = el("p", { class: "quiet" });
  const signs = segments<Sign>(
    "Which effects",
    [["for", "For"], ["against", "Against"], ["both", "Both"]],
    () => (app.state.classB !== null && app.state.sign === "both" ? "for" : app.state.sign),
    (sign) => app.set({ sign }),
  );
  const element = el("section", { class: "panel legend", "aria-label": "Legend", hidden: true }, title, bar, marks, range, signs.element);

  function update(): void {
    const { classA, classB, sign } = app.state;
    element.hidden = classA === null;
    if (classA === null) return;
    const short = (cls: number): string => shortNames(app.store.index)[cls];
    const both = signs.element.children[2] as HTMLElement;
    both.hidden = classB !== null;
    signs.update();
    const columns = shading.columns(app.level);
    if (columns.some((column) => !column)) {
      title.textContent = "Effects are being read\u2026";
      bar.style.background = "none";
      return marks.replaceChildren();
    }
    const [a, b] = columns as Column[];
    const scale = b
      ? scaleOfTwo(a, b, sign, [short(classA), short(classB!)])
      : scaleOfOne(a, sign);
    title.textContent = b ? "What speaks for which class, in logits" : `Effect on ${short(classA)}, in logits`;
    bar.style.background = gradient(scale.stops, app.palette());
    bar.setAttribute("aria-label", `Colours from ${scale.marks.filter(Boolean).join(" through ")}`);
    range.textContent = scale.range;
    range.hidden = !scale.range;
    marks.replaceChildren(...scale.marks.map((mark) => el("span", {}, mark)));
  }
  for (const name of ["state", "level", "shade", "theme"] as const) app.on(name, update);
  update();
  return element;
}
