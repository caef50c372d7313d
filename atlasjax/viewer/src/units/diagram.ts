// Diagram: a circuit as SVG, on the page and saved. The same as diagram.py.
import { curve } from "../explain/lines.ts";
import { PALETTES } from "../shade.ts";
import type { Circuit, Line } from "./graph.ts";
import { refText } from "./store.ts";
import { draw } from "./svg.ts";
import type { Ref } from "./types.ts";

const ICON = 64; // px
const ACROSS = 210; // from column to column
const DOWN = 92; // from icon to icon
const LEFT = 88;
const TOP = 48;
const FOOT = 56;
const WIDEST = 9; // px, of lines
const LONGEST = 22; // signs of a name under an icon

export interface Colours {
  ground: string | null;
  text: string;
  quiet: string;
  raised: string;
  excites: string;
  inhibits: string;
}

const css = (colour: readonly number[]): string => `rgb(${colour.join(" ")})`;

/** Colours of a page; those that are saved are for paper. */
export const coloursOf = (theme: "dark" | "light"): Colours => ({
  ground: null,
  text: theme === "dark" ? "#eceef1" : "#171a1e",
  quiet: theme === "dark" ? "#a6adb8" : "#59616b",
  raised: theme === "dark" ? "#2a2e35" : "#eef0f2",
  excites: css(PALETTES[theme].positive),
  inhibits: css(PALETTES[theme].negative),
});

export const PAPER: Colours = { ...coloursOf("light"), ground: "#ffffff" };

export interface Drawn {
  /** The address of a unit's icon, or null. */
  icon(ref: Ref): string | null;
  name(ref: Ref): string;
  /** Where a unit's page is, or null. */
  page(ref: Ref): string | null;
}

export const lineText = ({ source, target, weight, idle }: Line): string =>
  `${refText(source)} to ${refText(target)}: weight ${weight < 0 ? "\u2212" : "+"}${Math.abs(weight).toPrecision(3)}${idle ? ", idle" : ""}`;

/** What lines mean, for whoever sees the picture alone. */
export const legendOf = ({ lines }: Circuit): string[] => [
  "blue excites, orange inhibits",
  "wide: strong among those of two layers",
  ...(lines.some(({ idle }) => idle) ? ["dashed: ablating it does nothing"] : []),
];

export function drawCircuit(found: Circuit, from: Drawn, colours: Colours): SVGSVGElement {
  const rows = Math.max(...found.columns.map(({ units }) => units.length));
  const width = 2 * LEFT + ICON + ACROSS * (found.columns.length - 1);
  const height = TOP + DOWN * rows + (colours.ground ? FOOT : 0);
  const places = new Map<string, { x: number; y: number }>();
  found.columns.forEach(({ units }, column) =>
    units.forEach((unit, row) => places.set(refText(unit), { x: LEFT + ACROSS * column, y: TOP + (DOWN * (rows - units.length)) / 2 + DOWN * row })));
  const svg = draw("svg", {
    xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width} ${height}`, width, height,
    "font-family": "system-ui, sans-serif", "font-size": 12, fill: colours.text, class: "circuit",
  });
  if (colours.ground) svg.append(draw("rect", { width, height, fill: colours.ground }));
  found.columns.forEach(({ layer }, column) =>
    svg.append(draw("text", { x: LEFT + ACROSS * column + ICON / 2, y: TOP - 22, "text-anchor": "middle", "font-weight": "600", fill: colours.quiet }, layer)));
  svg.append(...found.lines.map((line) => drawLine(line, places, colours)));
  for (const { units } of found.columns) svg.append(...units.map((unit) => drawNode(unit, places.get(refText(unit))!, from, colours)));
  if (found.lines.length && colours.ground) {
    // The page itself says it above.
    legendOf(found).forEach((said, row) =>
      svg.append(draw("text", { x: width / 2, y: height - FOOT + 16 * (row + 1), "text-anchor": "middle", "font-size": 11, fill: colours.quiet }, said)));
  }
  return svg;
}

function drawLine(line: Line, places: Map<string, { x: number; y: number }>, colours: Colours): SVGPathElement {
  const [a, b] = [places.get(refText(line.source))!, places.get(refText(line.target))!];
  const size = Math.abs(line.strength);
  return draw(
    "path",
    {
      d: curve({ x: a.x + ICON, y: a.y + ICON / 2 }, { x: b.x, y: b.y + ICON / 2 }),
      fill: "none",
      stroke: line.weight < 0 ? colours.inhibits : colours.excites,
      "stroke-width": Math.max(1, WIDEST * size),
      "stroke-opacity": 0.35 + 0.5 * size,
      "stroke-dasharray": line.idle ? "6 5" : null,
      class: "line",
    },
    draw("title", {}, lineText(line)),
  );
}

function drawNode(ref: Ref, { x, y }: { x: number; y: number }, from: Drawn, colours: Colours): SVGElement {
  const [icon, name, page] = [from.icon(ref), from.name(ref), from.page(ref)];
  const where = { x, y, width: ICON, height: ICON };
  const label = [String(ref.unit), name].filter(Boolean).join(" \u00b7 ");
  const short = label.length > LONGEST ? `${label.slice(0, LONGEST - 1)}\u2026` : label;
  const said = [refText(ref), name].filter(Boolean).join(" ");
  const parts = [
    draw("title", {}, said),
    icon ? draw("image", { ...where, href: icon }) : draw("rect", { ...where, rx: 6, fill: colours.raised }),
    draw("text", { x: x + ICON / 2, y: y + ICON + 15, "text-anchor": "middle" }, short),
  ];
  return page ? draw("a", { href: page, class: "node" }, ...parts) : draw("g", { class: "node" }, ...parts);
}

/** A picture of any kind as PNG, which every reader of SVG knows. */
export async function asPng(address: string): Promise<string> {
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  canvas.getContext("2d")!.drawImage(image, 0, 0);
  return canvas.toDataURL("image/png");
}
