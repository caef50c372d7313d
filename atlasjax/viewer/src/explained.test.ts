// Which images are explained, and the command for those that are not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, canExplain, commandFor, folderOnDisk, readExplained } from "./explained.ts";
import type { Index, Source } from "./types.ts";

const index = (explained?: string | null): Index => ({ explained }) as Index;

/** A source that notes what it is asked for. */
function sourceOf(held: unknown, asked: string[] = [], linked = true): Source {
  return {
    data: async (path) => (asked.push(path), held ?? Promise.reject(new Error(path))),
    image: () => Promise.reject(new Error("none")),
    link: (path) => (linked ? path : null),
    savable: true,
  };
}

test("the table tells the page of each image", async () => {
  const source = sourceOf({ "17": ["explained/a/index.html", "1-a & b"], "4": ["explained/c/index.html", "0"] });
  const explained = await readExplained(source, index("explained.js"));
  assert.equal(addressOf({ explained, source }, 17), "explained/a/index.html#image=1-a%20%26%20b");
  assert.equal(addressOf({ explained, source }, 4), "explained/c/index.html#image=0");
  assert.equal(addressOf({ explained, source }, 5), null);
});

test("a table that is not there is not asked for, and one that is lost is empty", async () => {
  for (const named of [undefined, null]) {
    const asked: string[] = [];
    assert.equal((await readExplained(sourceOf({}, asked), index(named))).size, 0);
    assert.deepEqual(asked, []);
  }
  const asked: string[] = [];
  const apart = sourceOf({ "1": ["a", "b"] }, asked, false); // a single file links nothing
  assert.equal((await readExplained(apart, index("explained.js"))).size, 0);
  assert.deepEqual(asked, []);
  assert.equal(canExplain({ source: apart, store: { index: index("explained.js") } }), false);
  assert.equal((await readExplained(sourceOf(null), index("explained.js"))).size, 0);
});

test("the command names the folder as a shell takes it", () => {
  assert.deepEqual(commandFor("/home/me/runs/quick", 17), {
    run: "\u2026/quick",
    whole: "atlasjax explain /home/me/runs/quick 17",
  });
  assert.equal(commandFor("/my run's #1", 0).whole, `atlasjax explain '/my run'"'"'s #1' 0`);
  assert.equal(commandFor("C:/my runs/a", 3).whole, 'atlasjax explain "C:/my runs/a" 3');
  assert.equal(commandFor(null, 3).whole, "atlasjax explain RUN 3");
});

test("the folder of a page on disk is read from its address", () => {
  assert.equal(folderOnDisk("/home/my%20run%20%231/index.html"), "/home/my run #1");
  assert.equal(folderOnDisk("/C:/runs/a/index.html"), "C:/runs/a");
  assert.equal(folderOnDisk("/a/%E0%A4/index.html"), null);
  assert.equal(folderOnDisk("/index.html"), "/");
});
