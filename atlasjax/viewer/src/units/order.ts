// Orders: how the units of a sheet are grouped and sorted.
import { known, percent, withUnit } from "./store.ts";
import type { Layer, Maybe } from "./types.ts";

export interface Order {
  id: string;
  label: string;
}

export interface Group {
  /** Nothing where all units are in one. */
  title: string;
  note: string;
  /** Places of units in their layer's lists. */
  at: number[];
}

/** The orders there are, the usual one first. */
export function ordersOf(layer: Layer): Order[] {
  return [
    ...(layer.families.length ? [{ id: "family", label: "family" }] : []),
    ...(new Set(layer.branch).size > 1 ? [{ id: "branch", label: "branch" }] : []),
    { id: "number", label: "number" },
    ...(layer.fires ? [{ id: "fires", label: "how often it fires" }] : []),
    ...layer.tuning.flatMap(({ title, preferred }, i) =>
      preferred.some(known) ? [{ id: `tuning-${i + 1}`, label: `preferred: ${title}` }] : [],
    ),
  ];
}

export function groupsOf(layer: Layer, order: string): Group[] {
  const all = layer.number.map((_, at) => at);
  if (order === "family") return byFamily(layer, all);
  if (order === "branch") {
    const branches = [...new Set(layer.branch)];
    return branches.map((title) => ({ title, note: "", at: all.filter((at) => layer.branch[at] === title) }));
  }
  if (order === "fires") return [{ title: "", note: "", at: sorted(all, layer.fires ?? [], -1) }];
  const tuning = tuningOf(layer, order);
  if (!tuning) return [{ title: "", note: "", at: all.sort((a, b) => layer.number[a] - layer.number[b]) }];
  const tuned = all.filter((at) => known(tuning.preferred[at]));
  const rest = all.filter((at) => !known(tuning.preferred[at]));
  return nonEmpty([
    { title: tuning.title, note: "by what they prefer", at: sorted(tuned, tuning.preferred, 1) },
    { title: "Prefer none", note: "", at: rest },
  ]);
}

function byFamily(layer: Layer, all: number[]): Group[] {
  const place = new Map(layer.number.map((unit, at) => [unit, at]));
  const groups = layer.families.map(({ name, note, units }) => ({
    title: name,
    note,
    at: units.flatMap((unit) => place.get(unit) ?? []),
  }));
  const placed = new Set(groups.flatMap(({ at }) => at));
  return nonEmpty([...groups, { title: "In no family", note: "", at: all.filter((at) => !placed.has(at)) }]);
}

const nonEmpty = (groups: Group[]): Group[] => groups.filter(({ at }) => at.length);

/** Those without a number come last. */
function sorted(at: number[], values: Maybe[], sign: 1 | -1): number[] {
  const key = (i: number): number => (known(values[i]) ? sign * (values[i] as number) : Infinity);
  return [...at].sort((a, b) => (key(a) === key(b) ? a - b : key(a) - key(b)));
}

const tuningOf = (layer: Layer, order: string): Layer["tuning"][number] | undefined =>
  layer.tuning[Number(/^tuning-(\d+)$/.exec(order)?.[1] ?? 0) - 1];

/** What is said of a unit beside its number: how often it fires, or what it prefers. */
export function remark(layer: Layer, order: string, at: number): string {
  if (order === "fires" && layer.fires) return known(layer.fires[at]) ? percent(layer.fires[at]) : "";
  const tuning = tuningOf(layer, order) ?? layer.tuning.find(({ periodic }) => periodic);
  if (!tuning || (order !== "family" && !order.startsWith("tuning"))) return "";
  if (order === "family" && !layer.families.some(({ units }) => units.includes(layer.number[at]))) return "";
  const preferred = tuning.preferred[at];
  return known(preferred) ? withUnit(preferred, tuning.unit_of_x) : "";
}
