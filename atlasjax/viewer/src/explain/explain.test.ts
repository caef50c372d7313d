// What needs no browser of the page of explained images: lights, permalinks, maps, words.
import assert from "node:assert/strict";
import { test } from "node:test";
import { unrounded } from "../bytes.ts";
import { PALETTES } from "../shade.ts";
import type { Source } from "../types.ts";
import { iconPlace } from "./icons.ts";
import { cycled } from "./keys.ts";
import { bestFor, lightsOf, overlaps, peakOf, scaled, through } from "./lights.ts";
import { curve } from "./lines.ts";
import { firstLayer, type Known, readHash, writeHash } from "./permalink.ts";
import { heat, quantile, reveal, shaded, spotlight, threshold } from "./pixels.ts";
import { stepped } from "./positions.ts";
import { decodeMap, openStore } from "./store.ts";
import type { Directions, Layer, State } from "./types.ts";
import { CHECKS, knownChecks, warnings } from "./words.ts";

const floats = (...values: number[]): Float32Array => new Float32Array(values);
const base64 = (array: ArrayBufferView): string => Buffer.from(array.buffer).toString("base64");

function directions(...maps: number[][]): Directions {
  return {
    names: maps.map((_, i) => String(i)),
    count: maps.length,
    icon: 8,
    map: maps.map((map) => floats(...map)),
    largest: maps.map((map) => Math.max(...map)),
    effect: maps.map(() => floats(1)),
    classes: null,
  };
}

/** Two layers of one row: two positions, then three. */
function layers(): Layer[] {
  const rest = { rows: 1, depth: 1, unexplained: 0, completeness: floats(0) };
  return [
    {
      ...rest, name: "a", columns: 2, norm: floats(1, 2), effect: floats(0.5, 3), dictionary: new Int16Array([0, -1]),
      groups: directions([4, 0], [1, 1]), channels: directions([0, 2]),
    },
    {
      ...rest, name: "b", columns: 3, norm: floats(1, 2, 3), effect: floats(1, 0, -9), dictionary: new Int16Array(3),
      groups: directions([0, 0, 5], [1, 0, 0]), channels: directions([0, 1, 0]),
    },
  ];
}

const flow = { groups: floats(2, -4, 1, 0), positions: floats(1, 0, -2, 0, 3, 0) };
const picture = { layers: layers(), flows: [flow] };
const near = (a: ArrayLike<number>, b: number[]): void => {
  assert.equal(a.length, b.length);
  b.forEach((value, i) => assert.ok(Math.abs(a[i] - value) < 1e-6, `${[...Array.from(a)].join()} is not ${b.join()}`));
};

test("a flow is gone through both ways", () => {
  near(through(flow.positions, floats(1, 2), 3, true), [1, 6, -2]);
  near(through(flow.positions, floats(1, 1, 1), 2, false), [-1, 3]);
});

test("a position lights the groups that are strong there, and what it gives to the next layer", () => {
  const [a, b] = lightsOf(picture, { kind: "position", layer: 0, at: 0 });
  near(a.positions, [1, 0]);
  near(a.groups, [1, 1]); // each as a part of its own largest
  near(a.channels, [0]);
  near(b.positions, [0.5, 0, -1]);
  assert.ok(b.groups[0] < 0 && b.groups[1] > 0);
});

test("a position lights what it takes from the layer before", () => {
  const [a] = lightsOf(picture, { kind: "position", layer: 1, at: 2 });
  near(a.positions, [-1, 0]);
});

test("a group lights its map, and the groups that its lines lead to by their weights", () => {
  const [a, b] = lightsOf(picture, { kind: "group", layer: 0, at: 0 });
  near(a.positions, [1, 0]);
  near(a.groups, [1, 0]);
  near(b.groups, [0.5, -1]);
  const [back] = lightsOf(picture, { kind: "group", layer: 1, at: 0 });
  near(back.groups, [1, 0.5]);
});

test("a channel lights the groups that its map overlaps", () => {
  const [a] = lightsOf(picture, { kind: "channel", layer: 0, at: 0 });
  near(a.positions, [0, 1]);
  near(a.groups, [0, Math.SQRT1_2]);
  near(a.channels, [1]);
});

test("what is empty lights nothing", () => {
  near(scaled(floats(0, 0)), [0, 0]);
  near(overlaps(directions([0, 0], [1, 0]), floats(0, 0)), [0, 0]);
});

test("the strongest place of a group, and the best for a target, are found", () => {
  const [a, b] = layers();
  assert.equal(peakOf(b, { kind: "group", layer: 1, at: 0 }), 2);
  assert.equal(peakOf(b, { kind: "position", layer: 1, at: 1 }), 1);
  assert.equal(bestFor(a, 0), 1);
  assert.equal(bestFor(b, 0), 0);
});

test("arrows stop at the edges of a grid", () => {
  const grid = { rows: 2, columns: 3 };
  assert.deepEqual([stepped(grid, 0, 1, 0), stepped(grid, 2, 1, 0), stepped(grid, 1, 0, 1), stepped(grid, 4, 0, 1)], [1, 2, 4, 4]);
  assert.deepEqual([cycled(0, -1, 3), cycled(2, 1, 3), cycled(1, 1, 3)], [2, 0, 2]);
});

const known: Known = {
  pictures: ["0-a", "1-b"],
  layers: [
    { name: "mixed4a/3x3", rows: 4, columns: 5, groups: 3, channels: ["7", "379"] },
    { name: "b", rows: 2, columns: 2, groups: 3, channels: ["1"] },
  ],
  targets: 3,
  classes: 10,
  methods: ["gradient", "rise"],
  method: "rise",
};
const start = readHash("", known);

test("a page opens with the middle layer, the first target and the method it is told", () => {
  const { layer, target, method, overlay, pin } = start;
  assert.deepEqual([1, 2, 3].map(firstLayer), [0, 1, 1]);
  assert.deepEqual({ layer, target, method, overlay, pin }, { layer: 1, target: 0, method: 1, overlay: "colour", pin: null });
});

test("a permalink keeps everything", () => {
  const all: State = {
    picture: 1, layer: 0, pin: { kind: "position", layer: 0, at: 13 }, target: 2, cls: 9, method: 0,
    overlay: "reveal", amount: 0.3, shade: "norm", grid: true,
  };
  const states = [start, all, { ...all, pin: { kind: "group", layer: 0, at: 2 } as const }, { ...all, pin: { kind: "channel", layer: 0, at: 1 } as const }];
  for (const state of states) assert.deepEqual(readHash(writeHash(state, known), known), state);
  assert.match(writeHash(all, known), /layer=mixed4a\/3x3.*position=2,3/);
});

test("a permalink that says what cannot be says nothing", () => {
  const asked = "#image=zz&layer=none&target=9&class=10&method=x&position=4,0&group=9&channel=7&amount=no&overlay=x&shade=y";
  assert.deepEqual(readHash(asked, known), start);
  assert.deepEqual(readHash("#target=0", known), start);
  assert.equal(readHash("#amount=7", known).amount, 1);
});

test("a network without layers, methods or classes has a permalink too", () => {
  const bare: Known = { ...known, pictures: ["0"], layers: [], methods: [], classes: 0, method: "" };
  const state = readHash("#class=0&group=1", bare);
  assert.equal(state.cls, null);
  assert.equal(state.pin, null);
  assert.equal(writeHash(state, bare), "#target=1");
});

test("maps come back by their roots", () => {
  const { values } = decodeMap({ largest: 8, values: base64(new Int8Array([127, -127, 0, 64])) });
  near(values, [1, -1, 0, (64 / 127) ** 2]);
});

test("rounded rows come back each by its scale", () => {
  const made = { scale: base64(floats(2, 0.5)), values: base64(new Int8Array([1, -2, 10, 127])) };
  near(unrounded(made), [2, -4, 5, 63.5]);
});

test("the share of pixels with the largest values is shown", () => {
  const values = floats(4, -9, 1, 3);
  assert.equal(threshold(values, 0.5), 3);
  assert.equal(threshold(values, 0), Infinity);
  assert.equal(threshold(values, 1), -9);
  const alpha = (share: number): number[] => [...reveal(values, share, [0, 0, 0])].filter((_, i) => i % 4 === 3);
  assert.deepEqual(alpha(0.5).map((a) => a > 0), [false, true, true, false]);
  assert.equal(quantile(values, 1), 9);
  assert.equal(quantile([], 0.5), 0);
});

test("colours have the sign of the map and the strength of the slider", () => {
  const palette = PALETTES.dark;
  const pixels = heat(floats(1, -1, 0), 0.5, palette);
  assert.deepEqual([...pixels.slice(0, 4)], [...palette.positive, 128]);
  assert.deepEqual([...pixels.slice(4, 8)], [...palette.negative, 128]);
  assert.equal(pixels[11], 0);
  assert.ok(heat(floats(0, 0), 1, palette).every((value, i) => i % 4 < 3 || value === 0));
});

test("what is lit stays as it is, and what is not sinks", () => {
  const pixels = spotlight(floats(1, 0), PALETTES.dark);
  assert.equal(pixels[3], 0);
  assert.ok(pixels[7] > 180);
  const tinted = shaded(floats(-2, 1), PALETTES.dark, 0.5);
  assert.deepEqual([...tinted.slice(0, 4)], [...PALETTES.dark.negative, 128]);
});

test("icons lie row by row on as many sheets as they need", () => {
  assert.deepEqual(iconPlace(0, 96), { sheet: 0, left: 0, top: 0 });
  assert.deepEqual(iconPlace(11, 96), { sheet: 0, left: 96, top: 96 });
  assert.deepEqual(iconPlace(100, 96), { sheet: 1, left: 0, top: 0 });
});

test("a line leaves its icon and comes to the next one level", () => {
  assert.equal(curve({ x: 0, y: 1 }, { x: 10, y: 5 }), "M0 1C5 1 5 5 10 5");
});

test("a method that does not need the network is told of", () => {
  assert.deepEqual(warnings([null, 0.1, 0.9, null, null]), []);
  assert.deepEqual(warnings([0.05, 0.1, 0.9, 0.4, -0.4]), []);
  assert.match(warnings([null, null, null, 0.9, 0]).join(), /random weights/);
  assert.match(warnings([null, null, null, 0, -0.8]).join(), /other labels/);
  assert.match(warnings([0.3, null, null, 0, 0]).join(), /add up/);
  assert.deepEqual(CHECKS.map(({ text }) => text(0.016)), ["1.6\u2009%", "0.02", "0.02", "+0.02", "+0.02"]);
});

test("what no method has is not spoken of", () => {
  const nothing = { checks: [[null, null, null, null, null]] };
  assert.deepEqual(knownChecks([nothing]), []);
  assert.deepEqual(knownChecks([nothing, { checks: [[null, 0, null, null, null], [null, null, null, null, 0.5]] }]), [1, 4]);
});

test("a store says what is wrong with a folder, and asks once for each file", async () => {
  const broken = (index: unknown): Source => ({
    data: () => (index === null ? Promise.reject(new Error()) : Promise.resolve(index)),
    image: () => Promise.reject(new Error()),
    link: () => null,
    savable: false,
  });
  await assert.rejects(openStore(broken(null)), /explanation\.js is missing or damaged/);
  await assert.rejects(openStore(broken({ format: 7 })), /has format 7/);
  let asked = 0;
  const files: Record<string, unknown> = {
    "explanation.js": { format: 1, pictures: [{ stem: "0-a" }], targets: ["t"], class_names: [] },
    "data/0-a-0.js": { maps: [{ largest: 1, values: base64(new Int8Array([127])) }] },
  };
  const store = await openStore({ ...broken({}), data: (path) => (asked++, Promise.resolve(files[path])) });
  await Promise.all([store.maps(0, 0), store.maps(0, 0)]);
  assert.equal(asked, 2);
});
