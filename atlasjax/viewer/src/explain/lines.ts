// Lines between icons: as wide as one does to the other, in the colour of its sign.
import type { App } from "./app.ts";
import type { Lights } from "./lights.ts";

const WIDEST = 11; // px
const SPACE = "http://www.w3.org/2000/svg";

export interface Line {
  from: HTMLElement;
  to: HTMLElement;
  /** -1 to 1. */
  strength: number;
  /** How much it is lit, 0 to 1. */
  lit(lights: Lights[], target: number): number;
}

export interface Lines {
  /** Put the lines where the icons are now. */
  place(): void;
  light(): void;
}

/** A curve from the right edge of one box to the left edge of another. */
export function curve(a: { x: number; y: number }, b: { x: number; y: number }): string {
  const middle = (a.x + b.x) / 2;
  return `M${a.x} ${a.y}C${middle} ${a.y} ${middle} ${b.y} ${b.x} ${b.y}`;
}

export function drawLines(app: App, board: HTMLElement, make: () => Line[]): Lines {
  const svg = document.createElementNS(SPACE, "svg");
  svg.setAttribute("class", "lines");
  svg.setAttribute("aria-hidden", "true");
  board.prepend(svg);
  const lines = make().sort((a, b) => Math.abs(a.strength) - Math.abs(b.strength));
  const paths = lines.map(({ strength }) => {
    const path = document.createElementNS(SPACE, "path");
    path.setAttribute("class", strength < 0 ? "line negative" : "line positive");
    path.style.strokeWidth = `${Math.max(0.75, WIDEST * Math.abs(strength))}px`;
    svg.append(path);
    return path;
  });

  function place(): void {
    const origin = board.getBoundingClientRect();
    if (!origin.width) return;
    svg.setAttribute("viewBox", `0 0 ${origin.width} ${origin.height}`);
    lines.forEach(({ from, to }, i) => {
      const [a, b] = [from.getBoundingClientRect(), to.getBoundingClientRect()];
      const start = { x: a.right - origin.left, y: a.top + a.height / 2 - origin.top };
      const end = { x: b.left - origin.left, y: b.top + b.height / 2 - origin.top };
      paths[i].setAttribute("d", curve(start, end));
    });
  }

  function light(): void {
    const lights = app.lights();
    const { target } = app.state;
    lines.forEach((line, i) => {
      const always = 0.16 + 0.5 * Math.abs(line.strength);
      const ends = line.to.classList.contains("end");
      const chosen = !ends || line.to.getAttribute("aria-pressed") === "true";
      const shown = lights ? 0.04 + 0.9 * line.lit(lights, target) : always * (chosen ? 1 : 0.2);
      paths[i].style.opacity = shown.toFixed(3);
    });
  }
  new ResizeObserver(place).observe(board);
  return { place, light };
}
