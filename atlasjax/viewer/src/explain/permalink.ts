// The permalink: what is shown as the part of an address after its #, and back.
import { clamp } from "../permalink.ts";
import type { Focus, Kind, Overlay, Shade, State } from "./types.ts";

export interface Known {
  /** Stems of the images' files. */
  pictures: readonly string[];
  layers: readonly { name: string; rows: number; columns: number; groups: number; channels: readonly string[] }[];
  targets: number;
  classes: number;
  methods: readonly string[];
  /** The method that is shown where none is asked for. */
  method: string;
}

const OVERLAYS: readonly Overlay[] = ["colour", "reveal", "none"];
const SHADES: readonly Shade[] = ["effect", "norm", "none"];

/** How far the slider is pushed where a person has not moved it. */
export const AMOUNT: Record<Overlay, number> = { colour: 0.75, reveal: 0.15, none: 0 };

/** Which layer is shown at first: the middle one. Positions of later ones see almost everything. */
export const firstLayer = (count: number): number => Math.floor(count / 2);

export function writeHash(state: State, known: Known): string {
  const said = new URLSearchParams();
  const layer = known.layers[state.layer];
  if (known.pictures.length > 1) said.set("image", known.pictures[state.picture]);
  if (layer) said.set("layer", layer.name);
  said.set("target", String(state.target + 1));
  if (state.cls !== null) said.set("class", String(state.cls));
  if (known.methods.length) said.set("method", known.methods[state.method]);
  if (state.pin) said.set(state.pin.kind, pinText(state.pin, known));
  if (state.overlay !== "colour") said.set("overlay", state.overlay);
  if (state.overlay !== "none" && state.amount !== AMOUNT[state.overlay]) {
    said.set("amount", String(Number(state.amount.toFixed(2))));
  }
  if (state.shade !== "effect") said.set("shade", state.shade);
  if (state.grid) said.set("seen", "grid");
  return "#" + said.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
}

function pinText({ kind, layer, at }: Focus, known: Known): string {
  const { columns, channels } = known.layers[layer];
  if (kind === "position") return `${Math.floor(at / columns)},${at % columns}`;
  return kind === "channel" ? channels[at] : String(at + 1);
}

/** Read what is to be shown; what cannot be is as it is at the start. */
export function readHash(hash: string, known: Known): State {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const which = (names: readonly string[], name: string, otherwise: number): number => {
    const found = names.indexOf(said.get(name) ?? "");
    return found >= 0 ? found : otherwise;
  };
  const layers = known.layers.map((layer) => layer.name);
  const layer = which(layers, "layer", firstLayer(layers.length));
  const overlay = OVERLAYS.find((one) => one === said.get("overlay")) ?? "colour";
  const amount = said.get("amount");
  const given = amount === null || amount.trim() === "" ? NaN : Number(amount);
  const target = whole(said.get("target"));
  const cls = whole(said.get("class"));
  return {
    picture: which(known.pictures, "image", 0),
    layer,
    pin: readPin(said, layer, known),
    target: target !== null && target >= 1 && target <= known.targets ? target - 1 : 0,
    cls: cls !== null && cls < known.classes ? cls : null,
    method: which(known.methods, "method", Math.max(0, known.methods.indexOf(known.method))),
    overlay,
    amount: Number.isFinite(given) ? clamp(given, 0, 1) : AMOUNT[overlay],
    shade: SHADES.find((one) => one === said.get("shade")) ?? "effect",
    grid: said.get("seen") === "grid",
  };
}

function readPin(said: URLSearchParams, layer: number, known: Known): Focus | null {
  const shape = known.layers[layer];
  if (!shape) return null;
  const found: [Kind, number][] = [
    ["position", place(said.get("position"), shape.rows, shape.columns)],
    ["group", (whole(said.get("group")) ?? 0) - 1],
    ["channel", shape.channels.indexOf(said.get("channel") ?? "")],
  ];
  const counts = { position: shape.rows * shape.columns, group: shape.groups, channel: shape.channels.length };
  const fits = found.find(([kind, at]) => at >= 0 && at < counts[kind]);
  return fits ? { kind: fits[0], layer, at: fits[1] } : null;
}

function place(text: string | null, rows: number, columns: number): number {
  const [row, column] = (text ?? "").split(",").map(whole);
  if (typeof row !== "number" || typeof column !== "number") return -1;
  return row < rows && column < columns ? row * columns + column : -1;
}

function whole(text: string | null): number | null {
  return text !== null && /^\d{1,7}$/.test(text) ? Number(text) : null;
}
