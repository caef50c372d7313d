// Circuit: a unit, its strongest inputs, theirs, and where each stands. The same as graph.py.
import { refText } from "./store.ts";
import type { Edges, Layer, Ref } from "./types.ts";

const COLUMN = 12; // units of a layer at most, those that matter most

export interface Line {
  source: Ref;
  target: Ref;
  weight: number;
  /** As a part of the largest between these two layers, -1 to 1. */
  strength: number;
  idle: boolean;
}

export interface Circuit {
  /** From left to right, each with its units from the top. */
  columns: { layer: string; units: Ref[] }[];
  /** The weakest first, so that the strongest are drawn over them. */
  lines: Line[];
}

/** What of the store a circuit asks for. */
export interface Known {
  index: { order: string[] };
  layer(name: string): Pick<Layer, "inputs"> | undefined;
  unit(ref: Ref): Promise<{ inputs: Pick<Edges, "unit" | "weight" | "idle">[] } | null>;
}

interface Node {
  ref: Ref;
  matters: number;
}

export async function circuitOf(store: Known, root: Ref, depth: number, most: number): Promise<Circuit> {
  const nodes = new Map<string, Node>([[refText(root), { ref: root, matters: 1 }]]);
  const lines: Line[] = [];
  let frontier = [...nodes.values()];
  for (let step = 0; step < depth; step++) {
    const found = new Map<string, Node>();
    for (const target of frontier) {
      for (const line of await inputsOf(store, target.ref, step ? Math.max(1, Math.floor(most / 2)) : most)) {
        lines.push(line);
        const key = refText(line.source);
        const matters = Math.max(found.get(key)?.matters ?? 0, target.matters * Math.abs(line.strength));
        found.set(key, { ref: line.source, matters });
      }
    }
    frontier = mostOf(found, nodes);
    for (const node of frontier) nodes.set(refText(node.ref), node);
  }
  const kept = scaled(lines.filter(({ source }) => nodes.has(refText(source))));
  return arranged(store.index.order, [...nodes.values()].map(({ ref }) => ref), kept);
}

async function inputsOf(store: Known, target: Ref, count: number): Promise<Line[]> {
  const [layer, unit] = [store.layer(target.layer), await store.unit(target)];
  if (!layer || !unit) return []; // nothing is known of its inputs
  return layer.inputs.flatMap(({ layer: source }, i) => {
    const { unit: units, weight, idle } = unit.inputs[i];
    const weights = weight.slice(0, count).map((one) => one ?? 0);
    const largest = Math.max(0, ...weights.map(Math.abs)) || 1;
    return weights.map((one, k) => ({
      source: { layer: source, unit: units[k] },
      target,
      weight: one,
      strength: one / largest,
      idle: idle?.[k] === true,
    }));
  });
}

/** Those that are new and for which there is room in their layer's column. */
function mostOf(found: Map<string, Node>, nodes: Map<string, Node>): Node[] {
  const room = new Map<string, number>();
  const left = (layer: string): number => room.get(layer) ?? COLUMN;
  for (const { ref } of nodes.values()) room.set(ref.layer, left(ref.layer) - 1);
  const ranked = [...found].filter(([key]) => !nodes.has(key)).sort((a, b) => b[1].matters - a[1].matters);
  return ranked.flatMap(([, node]) => {
    const { layer } = node.ref;
    if (left(layer) <= 0) return [];
    room.set(layer, left(layer) - 1);
    return [node];
  });
}

function scaled(lines: Line[]): Line[] {
  const largest = new Map<string, number>();
  const pair = ({ source, target }: Line): string => JSON.stringify([source.layer, target.layer]);
  for (const line of lines) largest.set(pair(line), Math.max(largest.get(pair(line)) ?? 0, Math.abs(line.weight)));
  return lines.map((line) => ({ ...line, strength: line.weight / (largest.get(pair(line)) || 1) }));
}

/** Layers in columns, and units where their lines are short: excitation above inhibition. */
function arranged(order: string[], refs: Ref[], lines: Line[]): Circuit {
  const names = order.filter((name) => refs.some(({ layer }) => layer === name));
  const height = new Map<string, number>();
  const columns: Circuit["columns"] = [];
  for (const layer of names.reverse()) {
    const keyed = refs.filter((ref) => ref.layer === layer).map((ref) => ({ ref, key: keyOf(refText(ref), lines, height) }));
    keyed.sort((a, b) => a.key[0] - b.key[0] || a.key[1] - b.key[1]);
    keyed.forEach(({ ref }, row) => height.set(refText(ref), row - (keyed.length - 1) / 2));
    columns.unshift({ layer, units: keyed.map(({ ref }) => ref) });
  }
  return { columns, lines: [...lines].sort((a, b) => Math.abs(a.strength) - Math.abs(b.strength)) };
}

function keyOf(unit: string, lines: Line[], height: Map<string, number>): [number, number] {
  const out = lines.filter(({ source, target }) => refText(source) === unit && height.has(refText(target)));
  const total = out.reduce((sum, { strength }) => sum + Math.abs(strength), 0) || 1;
  const middle = out.reduce((sum, { strength, target }) => sum + Math.abs(strength) * height.get(refText(target))!, 0) / total;
  return [Number(middle.toFixed(6)), -out.reduce((sum, { strength }) => sum + strength, 0)];
}
