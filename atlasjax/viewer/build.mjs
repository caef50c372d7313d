// Bundles the page: one classic script for the folder, one module for a notebook. Both are
// committed, so that installing needs no Node. With --tests, only the tests are bundled.
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

if (process.argv.includes("--tests")) {
  await build({
    ...shared,
    minify: false,
    entryPoints: ["src/logic.test.ts"],
    format: "esm",
    platform: "node",
    outfile: "node_modules/.cache/atlasjax-tests/logic.test.mjs",
  });
} else {
  const banner = { js: "// Built from src/ by build.mjs; bundles d3-zoom (ISC, Mike Bostock)." };
  await build({ ...shared, banner, entryPoints: ["src/page.ts"], format: "iife", outfile: "viewer.js" });
  await build({ ...shared, banner, entryPoints: ["src/widget.ts"], format: "esm", outfile: "widget.js" });
}
