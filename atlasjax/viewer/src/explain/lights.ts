// Lights: what lights up everywhere while a position, a group or a channel is looked at.
//
// In its own layer these are its map and what overlaps it. From there the lines of attribution are
// followed, to the layers before and after: each step multiplies by what a layer does to the next.
import type { Directions, Flow, Focus, Layer, Picture } from "./types.ts";

/** How much of a layer is lit, -1 to 1: below 0 where attribution speaks against. */
export interface Lights {
  positions: Float32Array;
  groups: Float32Array;
  channels: Float32Array;
}

export function lightsOf(picture: Pick<Picture, "layers" | "flows">, focus: Focus): Lights[] {
  const { layers, flows } = picture;
  const found: Lights[] = new Array<Lights>(layers.length);
  found[focus.layer] = own(layers[focus.layer], focus);
  const byGroup = focus.kind === "group";
  for (let i = focus.layer + 1; i < layers.length; i++) {
    found[i] = next(found[i - 1], flows[i - 1], layers[i], byGroup, true);
  }
  for (let i = focus.layer - 1; i >= 0; i--) {
    found[i] = next(found[i + 1], flows[i], layers[i], byGroup, false);
  }
  return found;
}

function own(layer: Layer, focus: Focus): Lights {
  const { groups, channels } = layer;
  if (focus.kind === "position") {
    const positions = new Float32Array(layer.rows * layer.columns);
    positions[focus.at] = 1;
    return { positions, groups: at(groups, focus.at), channels: at(channels, focus.at) };
  }
  const held = focus.kind === "group" ? groups : channels;
  const positions = scaled(held.map[focus.at]);
  const lights = { positions, groups: overlaps(groups, positions), channels: overlaps(channels, positions) };
  const itself = focus.kind === "group" ? lights.groups : lights.channels;
  if (focus.kind === "group") itself.fill(0); // each group is looked at by itself
  itself[focus.at] = 1;
  return lights;
}

function next(from: Lights, flow: Flow, far: Layer, byGroup: boolean, later: boolean): Lights {
  const positions = scaled(through(flow.positions, from.positions, far.rows * far.columns, later));
  const groups = byGroup
    ? scaled(through(flow.groups, from.groups, far.groups.count, later))
    : overlaps(far.groups, positions);
  return { positions, groups, channels: overlaps(far.channels, positions) };
}

/** What a flow makes of amounts at its one end, at its other end. */
export function through(flow: Float32Array, from: Float32Array, width: number, later: boolean): Float32Array {
  const found = new Float32Array(width);
  const n = from.length;
  for (let i = 0; i < n; i++) {
    if (!from[i]) continue;
    for (let j = 0; j < width; j++) found[j] += from[i] * flow[later ? i * width + j : j * n + i];
  }
  return found;
}

/** The values as parts of the largest magnitude among them. */
export function scaled(values: Float32Array): Float32Array {
  const most = values.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  return most > 0 ? values.map((value) => value / most) : new Float32Array(values.length);
}

/** How strong each direction is at a position, as a part of its largest. */
function at(held: Directions, position: number): Float32Array {
  return Float32Array.from(held.map, (map, i) => (held.largest[i] ? map[position] / held.largest[i] : 0));
}

/** Cosine of each direction's map with what is lit. */
export function overlaps(held: Directions, lit: Float32Array): Float32Array {
  const length = Math.hypot(...lit);
  return Float32Array.from(held.map, (map) => {
    let [dot, square] = [0, 0];
    for (let i = 0; i < map.length; i++) {
      dot += map[i] * lit[i];
      square += map[i] * map[i];
    }
    return dot === 0 ? 0 : dot / (length * Math.sqrt(square));
  });
}

/** The position where a group or channel is strongest, or the position itself. */
export function peakOf(layer: Layer, focus: Focus): number {
  if (focus.kind === "position") return focus.at;
  const map = (focus.kind === "group" ? layer.groups : layer.channels).map[focus.at];
  return map.reduce((best, value, i) => (value > map[best] ? i : best), 0);
}

/** The position that does most for a target. */
export function bestFor(layer: Layer, target: number): number {
  const targets = layer.effect.length / (layer.rows * layer.columns);
  let best = 0;
  for (let i = 0; i < layer.rows * layer.columns; i++) {
    if (layer.effect[i * targets + target] > layer.effect[best * targets + target]) best = i;
  }
  return best;
}
