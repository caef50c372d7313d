// Bundles the pages: one classic script for the folder of an atlas, one module for a notebook, one
// classic script for explained images, one for units, one for loss surfaces. All are committed, so that installing needs no Node. With
// --check they are only compared with what is committed; with --tests only the tests are bundled.
import { readFile } from "node:fs/promises";
import { build } from "esbuild";

const shared = {
  bundle: true,
  minify: true,
  target: ["chrome100", "firefox100", "safari15.4"],
  charset: "ascii",
  legalComments: "none",
  logLevel: "warning",
  loader: { ".css": "text" },
};
const banner = { js: "// Built from src/ by build.mjs; bundles d3-zoom (ISC, Mike Bostock)." };
const explained = { js: "// Built from src/explain by build.mjs." };
const units = { js: "// Built from src/units by build.mjs." };
const landscape = { js: "// Built from src/landscape by build.mjs." };
const bundles = [
  { ...shared, banner, entryPoints: ["src/page.ts"], format: "iife", outfile: "viewer.js" },
  { ...shared, banner, entryPoints: ["src/widget.ts"], format: "esm", outfile: "widget.js" },
  { ...shared, banner: explained, entryPoints: ["src/explain/page.ts"], format: "iife", outfile: "explain.js" },
  { ...shared, banner: units, entryPoints: ["src/units/page.ts"], format: "iife", outfile: "units.js" },
  { ...shared, banner: landscape, entryPoints: ["src/landscape/page.ts"], format: "iife", outfile: "landscape.js" },
];
const tests = {
  ...shared,
  minify: false,
  target: "node20",
  entryPoints: [
    "src/logic.test.ts",
    "src/explained.test.ts",
    "src/explain/explain.test.ts",
    "src/units/units.test.ts",
    "src/landscape/landscape.test.ts",
  ],
  format: "esm",
  platform: "node",
  outdir: "node_modules/.cache/atlasjax-tests",
  outbase: "src",
  outExtension: { ".js": ".mjs" },
};

async function differs(options) {
  const { outputFiles } = await build({ ...options, write: false });
  const committed = await readFile(options.outfile, "utf8").catch(() => "");
  return outputFiles[0].text !== committed;
}

if (process.argv.includes("--tests")) {
  await build(tests);
} else if (process.argv.includes("--check")) {
  for (const options of bundles) {
    if (!(await differs(options))) continue;
    console.error(`${options.outfile} differs from its source: npm run build, and commit it`);
    process.exitCode = 1;
  }
} else {
  for (const options of bundles) await build(options);
}
