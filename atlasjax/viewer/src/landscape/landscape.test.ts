import assert from "node:assert/strict";
import { test } from "node:test";
import { colourOf } from "./colours.ts";
import { nearest, said, scaleOf, sliceOf, type Surface } from "./data.ts";
import { contour } from "./lines.ts";
import { seen } from "./turned.ts";

const surface = (loss: number[], ...places: number[][]): Surface => ({
  name: "a",
  axes: places.map((_, k) => `d${k}`),
  places: places.map((p) => Float32Array.from(p)),
  loss: Float32Array.from(loss),
  accuracy: new Float32Array(loss.length),
  path: null,
  curvature: null,
});

test("a scale goes from the least to the greatest loss of all, by its logarithm", () => {
  const scale = scaleOf([surface([1, Infinity], [0, 1]), surface([100, NaN], [0, 1])], "loss");
  assert.equal(scale.height(1), 0);
  assert.ok(Math.abs(scale.height(10) - 0.5) < 1e-9);
  assert.ok(Math.abs(scale.value(0.5) - 10) < 1e-9);
  assert.ok(Number.isNaN(scale.height(Infinity)));
});

test("a slice of three directions has the last as the fastest", () => {
  const given = surface([0, 1, 2, 3, 4, 5, 6, 7], [0, 1], [0, 1], [0, 1]);
  assert.equal(sliceOf(given, "loss", 1).at(1, 0), 5);
  assert.equal(sliceOf(given, "loss", 0).at(0, 1), 2);
});

test("a line of equal height crosses where the value does, and stays away from what is no number", () => {
  const given = surface([0, 0, 1, 1], [0, 1], [0, 1]);
  const [[ax, , bx]] = contour(sliceOf(given, "loss", 0), (v) => v, 0.25);
  assert.deepEqual([ax, bx], [0.25, 0.25]);
  assert.equal(contour(sliceOf(surface([0, NaN, 1, 1], [0, 1], [0, 1]), "loss", 0), (v) => v, 0.25).length, 0);
});

test("from straight above a surface lies as its plot does", () => {
  const above = { around: 0, above: Math.PI / 2 };
  const [right, up] = seen([1, 0, 0.5], above);
  assert.ok(Math.abs(right - 0.5) < 1e-9 && Math.abs(up + 0.5) < 1e-9);
});

test("what is said of numbers, and colours at the ends", () => {
  assert.deepEqual([said(-0.12345), said(NaN), said(1234567)], ["\u22120.123", "not finite", "1.2e+6"]);
  assert.deepEqual([colourOf(-1), colourOf(2)], [[68, 1, 84], [253, 231, 37]]);
  assert.equal(nearest(Float32Array.from([0, 1, 2]), 1.4), 1);
});
