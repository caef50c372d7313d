// The foot: what is to be noted, and what can be taken away.
import { recordOf } from "../dialog.ts";
import { el } from "../dom.ts";
import type { App } from "./app.ts";

export function createFoot(app: App): HTMLElement {
  const { notes, made, record } = app.store.index;
  const { stem, figures } = app.picture.meta;
  const link = (path: string, text: string): HTMLElement => {
    const address = app.source.link(path);
    return address === null ? el("span", { class: "quiet" }, text) : el("a", { href: address, download: "" }, text);
  };
  const drawn = figures.map(({ title, files }) =>
    el("li", {}, `${title}: `, ...files.flatMap((file, i) => [i ? ", " : null, link(file, file.split(".").at(-1)!.toUpperCase())])),
  );
  return el(
    "footer",
    { class: "foot" },
    notes.length ? el("section", { "aria-label": "Notes" }, el("h2", {}, "Notes"), el("ul", { class: "notes" }, ...notes.map((note) => el("li", {}, note)))) : null,
    el(
      "section",
      { "aria-label": "Downloads" },
      el("h2", {}, "To take away"),
      el("p", {}, link(`arrays/${stem}.npz`, "Every number"), " of this image, for NumPy: ", el("code", {}, `numpy.load("${stem}.npz")`)),
      drawn.length ? el("details", {}, el("summary", {}, `${drawn.length} figures, as PNG and SVG`), el("ul", { class: "figures" }, ...drawn)) : null,
    ),
    el("section", { "aria-label": "Record" }, el("h2", {}, "How it was made"), recordOf(made, record)),
  );
}
