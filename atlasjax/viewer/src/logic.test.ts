// What needs no browser: geometry, permalinks, shades, labels, the search.
import assert from "node:assert/strict";
import { test } from "node:test";
import { strongest } from "./app.ts";
import { fit, gridFor, nearestCell, placeOf, READABLE, towards, viewOf, visible } from "./geometry.ts";
import { fullName, onMap, place, shortNames } from "./labels.ts";
import { readHash, writeHash } from "./permalink.ts";
import { matches } from "./combobox.ts";
import { colourOf, dimmed, PALETTES, shadeOne, shadeTwo } from "./shade.ts";
import { parseData } from "./source.ts";
import { openStore } from "./store.ts";
import { fills } from "./tiles.ts";
import type { Column, Region, Source, State } from "./types.ts";

const free = { left: 100, top: 50, width: 800, height: 600 };
const column = (least: number, most: number): Column => ({ values: new Float32Array(), least, most });

test("a place and its view are each other's inverse", () => {
  for (const [x, y, zoom] of [[0.5, 0.5, 1], [0.1, 0.9, 7.5], [0, 1, 0.6]]) {
    const there = placeOf(viewOf(x, y, zoom, free), free);
    assert.ok(Math.abs(there.x - x) + Math.abs(there.y - y) + Math.abs(there.zoom - zoom) < 1e-9);
  }
  assert.equal(fit(free), 576);
});

test("the finest level whose cells can be read is shown, and kept a while", () => {
  const grids = [40, 10, 20];
  assert.equal(gridFor(10, grids, null), 10);
  assert.equal(gridFor(20 * READABLE, grids, null), 20);
  assert.equal(gridFor(20 * READABLE - 1, grids, null), 10);
  assert.equal(gridFor(20 * READABLE - 1, grids, 20), 20);
  assert.equal(gridFor(20 * READABLE * 0.8, grids, 20), 10);
  assert.equal(gridFor(1e6, grids, null), 40);
});

test("what is visible never leaves the level", () => {
  assert.deepEqual(visible(0, 1000, 10, 1000), [0, 9]);
  assert.deepEqual(visible(-250, 1000, 10, 300), [2, 5]);
  assert.deepEqual(visible(5000, 1000, 10, 300), [0, 0]);
});

test("arrows go straight ahead, else the least detour, and stop at the end", () => {
  const [x, y] = [[0, 1, 2, 3, 0], [0, 0, 0, 1, 3]];
  assert.deepEqual([0, 1, 2, 3].map((from) => towards(x, y, from, 1, 0)), [1, 2, 3, -1]);
  assert.equal(towards(x, y, 4, 0, -1), 0);
  assert.equal(nearestCell(x, y, 4, 0.9, 0.4), 3);
});

const known = { layers: ["mixed4a/3x3", "b"], grids: () => [10, 20], classes: 5 };
const start: State = {
  layer: "mixed4a/3x3", grid: null, x: 0.5, y: 0.5, zoom: 1, classA: null, classB: null,
  sign: "for", pin: null, density: false, labels: true,
};

test("a permalink keeps everything", () => {
  const all: State = {
    layer: "b", grid: 20, x: 0.1234, y: 1, zoom: 12.5, classA: 3, classB: 0, sign: "against",
    pin: { grid: 10, x: 3, y: 9 }, density: true, labels: false,
  };
  for (const state of [start, all]) assert.deepEqual(readHash(writeHash(state), known), state);
  assert.equal(writeHash(start), "#layer=mixed4a/3x3");
});

test("the layer that a page opens on is shown where no other is asked for", () => {
  assert.equal(readHash("", { ...known, opens: "b" }).layer, "b");
  assert.equal(readHash("#layer=mixed4a/3x3", { ...known, opens: "b" }).layer, "mixed4a/3x3");
  assert.equal(readHash("#layer=none", { ...known, opens: "b" }).layer, "b");
  assert.equal(readHash("", { ...known, opens: "gone" }).layer, "mixed4a/3x3");
});

test("a permalink that cannot be is as at the start", () => {
  const bad = ["", "#", "#%E0%A4%A", "#layer=c&grid=11&class=5&cell=1,2&at=x,y,z&sign=up", "#at=,,", "#cell=10,-1,2", "#versus=2", "#class=-1", "#grid=1e1"];
  for (const hash of bad) assert.deepEqual(readHash(hash, known), start, hash);
  assert.equal(readHash("#class=2&versus=2", known).classB, null);
  assert.equal(readHash("#at=9,-9,1e9", known).zoom, 1000);
});

test("a shade is as strong as its effect is large", () => {
  const ends = column(-1, 4);
  assert.deepEqual(shadeOne(2, ends, "both"), { strength: 0.5, hue: 0 });
  assert.deepEqual(shadeOne(-1, ends, "both"), { strength: 0.25, hue: 1 });
  assert.deepEqual(shadeOne(-1, ends, "against"), { strength: 1, hue: 1 });
  assert.equal(shadeOne(-1, ends, "for").strength, 0);
  assert.equal(shadeOne(3, column(-2, -1), "for").strength, 0);
  assert.equal(shadeOne(0, column(0, 0), "both").strength, 0);
});

test("two classes share one scale", () => {
  const [a, b] = [column(-1, 4), column(-3, 1)];
  assert.deepEqual(shadeTwo(2, 0, a, b, "for"), { strength: 0.5, hue: 0 });
  assert.deepEqual(shadeTwo(1, 1, a, b, "for"), { strength: 0.25, hue: 0.5 });
  assert.deepEqual(shadeTwo(-1, -3, a, b, "against"), { strength: 1, hue: 0.75 });
  assert.equal(shadeTwo(-1, -3, a, b, "for").strength, 0);
});

test("colours run from one end to the other, and what says nothing sinks", () => {
  const palette = PALETTES.dark;
  assert.deepEqual([0, 0.5, 1].map((hue) => colourOf(hue, palette)), [palette.positive, palette.both, palette.negative]);
  assert.ok(dimmed(0) > 0.7 && dimmed(1) === 0 && dimmed(0.4) > dimmed(0.6));
  assert.ok(fills(100, 100) === 1 && fills(1, 100) < 0.4);
});

test("labels do not cover one another, and the largest regions come first", () => {
  const regions: Region[] = [[0.5, 0.5, 0, 9], [0.52, 0.5, 1, 8], [0.5, 0.8, 2, 7]];
  const index = { class_names: ["tench, Tinca tinca", "b", "a name that is far too long for a label"] };
  const names = shortNames(index);
  const width = (text: string): number => 8 * text.length;
  assert.deepEqual(place(regions, names, 500, width).map((label) => label.text), ["tench", onMap(names[2])]);
  assert.equal(place(regions, names, 9000, width).length, 3);
  assert.equal(onMap(names[2]).length, 22);
});

test("classes that share a name are told apart wherever they are named", () => {
  const class_names = ["crane", "crane", "tench, Tinca tinca"];
  const index = { class_names, short_names: ["crane (n02012849)", "crane (n03126707)", "tench"] };
  assert.deepEqual(class_names.map((_, cls) => fullName(index, cls)), [...index.short_names.slice(0, 2), class_names[2]]);
  assert.equal(onMap("a name that is far too long for a label (n03126707)"), "a name that is far to\u2026 (n03126707)");
  assert.equal(onMap("bar (pub)"), "bar (pub)");
});

test("the search ranks whole names, words, and beginnings", () => {
  const names = ["catamaran", "bullfrog, Rana catesbeiana", "tabby, tabby cat", "cat", "mobcat", "dog"];
  const wnids = ["n0", "n1", "n2", "n3", "n4", "n5"];
  assert.deepEqual(matches("Cat", names, wnids), [3, 2, 0, 1, 4]);
  assert.deepEqual(matches("n5", names, wnids), [5]);
  assert.deepEqual(matches(" ", names, wnids), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(matches("zebra", names, wnids), []);
});

test("a file of data is told from any other", () => {
  assert.deepEqual(parseData('document.currentScript.receive({"a":1});\n'), { a: 1 });
  assert.throws(() => parseData("alert(1)"));
});

const bytes = (values: ArrayLike<number> & { buffer: ArrayBufferLike }): string =>
  btoa(String.fromCharCode(...new Uint8Array(values.buffer)));

/** A source of two cells and some classes, as an export writes them. */
function sourceOf(names: string[]): Source {
  const level = { layer: "a", grid: 2, name: "a-2", cells: 2, activations: 9, chunk: 1 };
  const cells = {
    cells: 2, highest: names.length && 1, lowest: 0, labels: [], patches: null, images: bytes(Int32Array.of(17, -1)),
    x: bytes(Uint16Array.of(0, 1)), y: bytes(Uint16Array.of(0, 1)), count: bytes(Uint32Array.of(4, 5)),
    cosine: bytes(Float32Array.of(0.5, 0.75)), least: "", most: "",
    classes: names.length ? bytes(Uint32Array.of(1, 0)) : "",
    effects: names.length ? bytes(Float32Array.of(3, 2)) : "",
  };
  const files: Record<string, unknown> = {
    "atlas.js": { format: 2, class_names: names, levels: [level] },
    "data/a-2.js": cells,
  };
  return {
    data: async (path) => files[path] ?? Promise.reject(new Error(path)),
    image: () => Promise.reject(new Error("none")),
    link: () => null,
    savable: false,
  };
}

test("cells of a network without classes are read, and speak for none", async () => {
  for (const names of [[], ["wok", "pan"]]) {
    const store = await openStore(sourceOf(names));
    const cells = await store.cells(store.level("a", 2)!);
    assert.deepEqual([...cells.count, ...cells.cosine], [4, 5, 0.5, 0.75]);
    assert.equal(cells.at[3], 1);
    assert.deepEqual([...cells.images!], [17, -1]);
    assert.equal(cells.largestEffect, names.length ? 3 : 1);
    const found = [0, 1].map((i) => strongest({ store }, cells, i));
    assert.deepEqual(found, names.length ? ["pan", "wok"] : [null, null]);
  }
});

test("without classes an address names none, and nothing is found", () => {
  const none = { ...known, classes: 0 };
  const asked = readHash("#layer=b&class=0&versus=1&sign=against&cell=10,1,2", none);
  assert.deepEqual([asked.layer, asked.classA, asked.classB], ["b", null, null]);
  assert.deepEqual(asked.pin, { grid: 10, x: 1, y: 2 });
  assert.deepEqual(matches("", [], []), []);
  assert.deepEqual(matches("0", [], []), []);
});
