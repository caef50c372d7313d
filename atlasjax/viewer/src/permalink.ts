// The permalink: the state as the part of an address after its #, and back.
import type { Sign, State } from "./types.ts";

const number = (value: number, digits: number): string => String(Number(value.toFixed(digits)));

const SIGNS: Sign[] = ["for", "against", "both"];

/** Write the state; what is as it was at the start is left out. */
export function writeHash(state: State): string {
  const said = new URLSearchParams();
  said.set("layer", state.layer);
  if (state.grid !== null) said.set("grid", String(state.grid));
  if (state.zoom !== 1 || state.x !== 0.5 || state.y !== 0.5) {
    said.set("at", [number(state.x, 4), number(state.y, 4), number(state.zoom, 3)].join(","));
  }
  if (state.classA !== null) said.set("class", String(state.classA));
  if (state.classB !== null) said.set("versus", String(state.classB));
  if (state.sign !== "for") said.set("sign", state.sign);
  if (state.pin) said.set("cell", [state.pin.grid, state.pin.x, state.pin.y].join(","));
  if (state.density) said.set("density", "1");
  if (!state.labels) said.set("labels", "0");
  return "#" + said.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
}

export interface Known {
  layers: string[];
  /** The layer that is shown where none is asked for; the first by default. */
  opens?: string | null;
  grids(layer: string): number[];
  classes: number;
}

/** Read a state; what cannot be is as it is at the start. */
export function readHash(hash: string, known: Known): State {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const asked = said.get("layer") ?? "";
  const layer = [asked, known.opens ?? ""].find((name) => known.layers.includes(name)) ?? known.layers[0];
  const grids = known.grids(layer);
  const grid = whole(said.get("grid"));
  const [x, y, zoom] = numbers(said.get("at"), 3) ?? [0.5, 0.5, 1];
  const cls = (name: string): number | null => {
    const found = whole(said.get(name));
    return found !== null && found < known.classes ? found : null;
  };
  const cell = numbers(said.get("cell"), 3);
  const sign = said.get("sign") as Sign;
  const classA = cls("class");
  const classB = cls("versus");
  return {
    layer,
    grid: grid !== null && grids.includes(grid) ? grid : null,
    x: clamp(x, 0, 1),
    y: clamp(y, 0, 1),
    zoom: clamp(zoom, 0.5, 1000),
    classA,
    classB: classA !== null && classB !== classA ? classB : null,
    sign: SIGNS.includes(sign) ? sign : "for",
    pin:
      cell && cell.every((value) => Number.isInteger(value) && value >= 0) && grids.includes(cell[0])
        ? { grid: cell[0], x: cell[1], y: cell[2] }
        : null,
    density: said.get("density") === "1",
    labels: said.get("labels") !== "0",
  };
}

export const clamp = (value: number, least: number, most: number): number =>
  Math.min(most, Math.max(least, value));

function whole(text: string | null): number | null {
  return text !== null && /^\d{1,7}$/.test(text) ? Number(text) : null;
}

function numbers(text: string | null, count: number): number[] | null {
  const parts = (text ?? "").split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
  return parts.length === count && parts.every(Number.isFinite) ? parts : null;
}
