// What needs no browser of the site of units: addresses, orders, circuits, places on sheets, words.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Source } from "../types.ts";
import { heat } from "./edges.ts";
import { circuitOf } from "./graph.ts";
import { findable } from "./head.ts";
import { groupsOf, ordersOf, remark } from "./order.ts";
import { filled, period, short, turns } from "./plots.ts";
import { readHash, unitHash, writeHash } from "./permalink.ts";
import { spotOf } from "./sprites.ts";
import { openStore, percent, refText, type Store, withUnit } from "./store.ts";
import type { Layer, Ref } from "./types.ts";
import { neighbour } from "./unit.ts";

const base64 = (array: ArrayBufferView): string => Buffer.from(array.buffer).toString("base64");

function layer(changes: Partial<Layer> = {}): Layer {
  return {
    name: "mixed3b", stem: "mixed3b", number: [7, 3, 5], names: { 3: "fur" }, branch: [], families: [], fires: null,
    known: null, tuning: [], patches: [], inputs: [], outputs: [], shots: [], chunk: 2, icon: 0, shot: 0, patch: 0,
    ...changes,
  };
}

const families = [{ name: "curves", units: [5, 7, 99], note: "" }, { name: "lines", units: [7], note: "" }];
const tuning = [{ title: "By angle", unit_of_x: "degrees", x: [0, 90, 180, 270], periodic: true, preferred: [90, null, 22.5] }];

function source(files: Record<string, unknown>): Source {
  return {
    data: async (path) => files[path] ?? Promise.reject(new Error(path)),
    image: () => Promise.reject(new Error()),
    link: (path) => path,
    savable: false,
  };
}

const index = (layers: Layer[]): Record<string, unknown> => ({
  format: 1, layers, order: layers.map(({ name }) => name), class_names: ["wok, pan"], short_names: ["wok"], made: [], record: {}, notes: [],
});

const storeOf = (...layers: Layer[]): Promise<Store> => openStore(source({ "site.js": index(layers) }));

test("addresses say what is shown, and are read back", async () => {
  const store = await storeOf(layer({ families }), layer({ name: "a/3x3 #1", stem: "a" }));
  const views = [
    { kind: "sheet", layer: "mixed3b", order: "family" },
    { kind: "sheet", layer: "a/3x3 #1", order: "number" },
    { kind: "sheet", layer: "mixed3b", order: "number" },
    { kind: "unit", layer: "a/3x3 #1", unit: 5 },
    { kind: "circuit", layer: "mixed3b", unit: 3, depth: 2, most: 10 },
  ] as const;
  const hashes = views.map((view) => writeHash(view, store));
  assert.deepEqual(hashes, ["#mixed3b", "#a/3x3%20%231", "#mixed3b?order=number", "#a/3x3%20%231:5", "#circuit/mixed3b:3?depth=2&most=10"]);
  hashes.forEach((hash, i) => assert.deepEqual(readHash(hash, store), views[i]));
  assert.equal(unitHash(views[3]), hashes[3]);
});

test("what the site does not have is its first layer", async () => {
  const store = await storeOf(layer());
  const first = { kind: "sheet", layer: "mixed3b", order: "number" };
  for (const hash of ["", "#", "#mixed3b:4", "#mixed3b:-3", "#nothing", "#circuit/mixed3b:4", "#%E0%A4%A", "#mixed3b?order=family"]) {
    assert.deepEqual(readHash(hash, store), first, hash);
  }
  const odd = readHash("#circuit/mixed3b:3?depth=9&most=x", store);
  assert.deepEqual(odd, { kind: "circuit", layer: "mixed3b", unit: 3, depth: 1, most: 6 });
});

test("a sheet is in groups", () => {
  const full = layer({ families, tuning, branch: ["5x5", "3x3", "5x5"], fires: [0.2, null, 0.4] });
  assert.deepEqual(ordersOf(full).map(({ id }) => id), ["family", "branch", "number", "fires", "tuning-1"]);
  assert.deepEqual(ordersOf(layer()).map(({ id }) => id), ["number"]);
  const groups = (order: string): [string, number[]][] =>
    groupsOf(full, order).map(({ title, at }) => [title, at.map((i) => full.number[i])]);
  assert.deepEqual(groups("family"), [["curves", [5, 7]], ["lines", [7]], ["In no family", [3]]]);
  assert.deepEqual(groups("branch"), [["5x5", [7, 5]], ["3x3", [3]]]);
  assert.deepEqual(groups("number"), [["", [3, 5, 7]]]);
  assert.deepEqual(groups("fires"), [["", [5, 7, 3]]]);
  assert.deepEqual(groups("tuning-1"), [["By angle", [5, 7]], ["Prefer none", [3]]]);
});

test("beside a number stands what a sheet is ordered by", () => {
  const full = layer({ families: [families[0]], tuning, fires: [0.2, null, 0.4] });
  assert.deepEqual([0, 1, 2].map((at) => remark(full, "family", at)), ["90\u00b0", "", "23\u00b0"]);
  assert.deepEqual([0, 1].map((at) => remark(full, "fires", at)), ["20\u2009%", ""]);
  assert.equal(remark(full, "number", 0), "");
});

test("units are found by number, name, family and class", async () => {
  const { names, full, refs } = findable(await storeOf(layer({ families, known: [[0], [], []] })));
  assert.equal(names[0], "mixed3b:7, 7, curves, lines, wok");
  assert.equal(full[1], "mixed3b:3 \u00b7 fur");
  assert.deepEqual(refs[2], { layer: "mixed3b", unit: 5 });
});

test("units come from the files of their chunks, with kernels in rows", async () => {
  const raw = {
    thumb: null, histogram: null, tuning: [base64(new Float32Array([1, 2]))], classes: [], patches: [], outputs: [], cells: [],
    inputs: [{
      unit: [4, 9], weight: [1, -2], contribution: null, effect: null, idle: null,
      kernel: { scale: base64(new Float32Array([0.5, 2])), values: base64(new Int8Array([127, 0, -127, 1])) },
    }],
  };
  const meta = layer({ inputs: [{ layer: "a", height: 1, width: 2 }] });
  const store = await openStore(source({ "site.js": index([meta]), "data/mixed3b-1.js": [raw] }));
  const unit = await store.unit({ layer: "mixed3b", unit: 5 });
  assert.deepEqual([...unit!.tuning[0]], [1, 2]);
  assert.deepEqual(unit!.inputs[0].kernel.map((row) => [...row]), [[63.5, 0], [-254, 2]]);
  assert.equal(await store.unit({ layer: "mixed3b", unit: 6 }), null);
  assert.equal(await store.unit({ layer: "a", unit: 4 }), null);
  await assert.rejects(store.unit({ layer: "mixed3b", unit: 7 }), /data\/mixed3b-0.js is missing or damaged/);
});

test("a site of another format or none is told of", async () => {
  await assert.rejects(openStore(source({})), /site.js is missing or damaged/);
  await assert.rejects(openStore(source({ "site.js": { ...index([layer()]), format: 7 } })), /format 7; this page reads format 1/);
});

test("a sprite is found on its sheet, also on the last and shorter one", () => {
  assert.deepEqual(spotOf(0, 96, 120), { sheet: 0, width: 1000, height: 1000, x: 0, y: 0 });
  assert.deepEqual(spotOf(23, 96, 120), { sheet: 0, width: 1000, height: 1000, x: 300 / 9, y: 200 / 9 });
  assert.deepEqual(spotOf(113, 96, 120), { sheet: 1, width: 1000, height: 200, x: 300 / 9, y: 100 }); // of two rows
  assert.deepEqual(spotOf(2, 1024, 3), { sheet: 2, width: 100, height: 100, x: 0, y: 0 });
});

// The same three layers as in test_graph.py.
const edges = (unit: number[], weight: number[], idle: boolean[] | null = null) => ({ unit, weight, idle });
const inputs: Record<string, { inputs: ReturnType<typeof edges>[] }> = {
  "c:5": { inputs: [edges([2, 9], [4, -2], [false, true]), edges([0, 1, 2], [1, 0.5, 0.1])] },
  "b:2": { inputs: [edges([0, 7, 8], [-3, 6, 1])] },
};
const three = {
  index: { order: ["a", "b", "c"] },
  layer: (name: string) =>
    ({ b: { inputs: [{ layer: "a", height: 1, width: 1 }] }, c: { inputs: ["b", "a"].map((one) => ({ layer: one, height: 1, width: 1 })) } })[name],
  unit: async (ref: Ref) => inputs[refText(ref)] ?? null,
};

test("a circuit is that of the command line", async () => {
  const root = { layer: "c", unit: 5 };
  const one = await circuitOf(three, root, 1, 6);
  assert.deepEqual(one.columns.map(({ layer: name, units }) => [name, units.map(({ unit }) => unit)]), [["a", [0, 1, 2]], ["b", [2, 9]], ["c", [5]]]);
  assert.deepEqual(one.lines.filter(({ idle }) => idle).map(({ source: { unit }, strength }) => [unit, strength]), [[9, -0.5]]);
  const two = await circuitOf(three, root, 2, 4);
  const into = two.lines.filter(({ target }) => target.layer === "b").map(({ source: { unit }, strength }) => [unit, strength]);
  assert.deepEqual(into, [[0, -0.5], [7, 1]]);
  assert.deepEqual(two.columns[0].units[0], { layer: "a", unit: 7 });
  assert.equal(two.columns[0].units.length, 4);
});

test("a column has room for twelve", async () => {
  const store = {
    index: { order: ["a", "b"] },
    layer: (name: string) => (name === "b" ? { inputs: [{ layer: "a", height: 1, width: 1 }] } : undefined),
    unit: async () => ({ inputs: [edges([...Array(20).keys()], [...Array(20).keys()].map((i) => i - 20))] }),
  };
  const found = await circuitOf(store, { layer: "b", unit: 0 }, 1, 20);
  assert.deepEqual(found.columns[0].units.map(({ unit }) => unit).sort((a, b) => a - b), [...Array(12).keys()]);
  assert.equal(found.lines.length, 12);
});

test("kernels are blue where they excite and orange where they inhibit", () => {
  const pixels = heat(new Float32Array([2, -2, 0]), 2);
  assert.ok(pixels[2] > 200 && pixels[0] < 100 && pixels[3] === 255);
  assert.ok(pixels[4] > 200 && pixels[6] < 100 && pixels[7] === 255);
  assert.equal(pixels[11], 0);
});

test("a histogram is shown from its first to its last value, with 0", () => {
  const bins = new Float32Array([-4, -3, -2, -1, 0, 1, 2]);
  assert.deepEqual(filled(new Float32Array([0, 1, 3, 0, 0, 0]), bins), [1, 4]);
  assert.deepEqual(filled(new Float32Array([0, 0, 0, 0, 0, 2]), bins), [4, 6]);
  assert.equal(filled(new Float32Array(6), bins), null);
});

test("angles go once round; orientations, whose period is half a turn, come twice", () => {
  assert.equal(period([0, 90, 180, 270]), 360);
  const angles = turns("degrees", [0, 90, 180, 270]);
  assert.equal(angles.turn(90), Math.PI / 2);
  assert.equal(angles.twice, false);
  const lines = turns("degrees", [0, 45, 90, 135]);
  assert.equal(lines.turn(90), Math.PI / 2);
  assert.equal(lines.twice, true);
  assert.equal(turns("", [0, 0.25, 0.5, 0.75]).turn(0.5), Math.PI);
});

test("numbers are short", () => {
  assert.deepEqual([-74.84, 0, 0.123, 0.00123, 1234.5, 6].map(short), ["\u221274.8", "0", "0.12", "0.0012", "1235", "6"]);
  assert.deepEqual([0.5, 0.034, 0.00004, 0].map(percent), ["50\u2009%", "3.4\u2009%", "under 0.01\u2009%", "0\u2009%"]);
  assert.deepEqual([withUnit(67.2, "degrees"), withUnit(4.25, "px"), withUnit(-0.5, "")], ["67\u00b0", "4.3\u2009px", "\u22120.5"]);
});

test("after the last unit comes the first", () => {
  assert.deepEqual([1, -1].map((step) => neighbour(layer(), 0, step).unit), [3, 5]);
  assert.equal(neighbour(layer(), 2, 1).unit, 7);
});
