// The foot: what is to be noted, and what can be taken away.
import { recordOf } from "../dialog.ts";
import { el } from "../dom.ts";
import type { App } from "./app.ts";
import type { Layer } from "./types.ts";

export function createFoot(app: App, layer: Layer): HTMLElement {
  const { notes, made, record } = app.store.index;
  const address = app.source.link(`arrays/${layer.stem}.npz`);
  return el(
    "footer",
    { class: "foot" },
    notes.length > 0 && el("section", { "aria-label": "Notes" }, el("h2", {}, "Notes"), el("ul", { class: "notes" }, ...notes.map((note) => el("li", {}, note)))),
    address !== null && el(
      "section",
      { "aria-label": "Downloads" },
      el("h2", {}, "To take away"),
      el("p", {}, el("a", { href: address, download: "" }, "Every number"), ` of ${layer.name}, for NumPy: `, el("code", {}, `numpy.load("${layer.stem}.npz")`)),
    ),
    el("section", { "aria-label": "Record" }, el("h2", {}, "How it was made"), recordOf(made, record)),
  );
}
