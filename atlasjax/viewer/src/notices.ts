// Notices: what is missing, what happened, and which end of a comparison is which.
import type { App } from "./app.ts";
import { createToast } from "./dialog.ts";
import { button, el } from "./dom.ts";
import { shortNames } from "./labels.ts";
import type { MapView } from "./map.ts";
import { clamp } from "./permalink.ts";

const CORNER = 12; // px; the edge of the window

/** What the person must know, in plain words. */
export function createNotices(app: App): HTMLElement {
  const text = el("span");
  const closed = new Set<string>();
  const close = button("Close this notice", "close", () => {
    app.missing.forEach((path) => closed.add(path));
    update();
  });
  const lasting = el("div", { class: "panel notice", role: "status", hidden: true }, text, close);
  const toast = createToast();

  function update(): void {
    const missing = [...app.missing].filter((path) => !closed.has(path));
    lasting.hidden = !missing.length;
    if (missing.length) text.textContent = lacking(app, missing);
  }
  app.on("missing", update);
  app.toast = toast.say;
  return el("div", { class: "notices" }, lasting, toast.element);
}

function lacking(app: App, missing: string[]): string {
  const { layer, grid, name } = app.level;
  const what = missing.length === 1 ? `The file ${missing[0]} is` : `${missing.length} files, such as ${missing[0]}, are`;
  const whole = missing.includes(`data/${name}.js`)
    ? ` so ${layer} at ${grid} \u00d7 ${grid} cannot be looked into.`
    : " so part of the map is blurred or empty.";
  return `${what} missing or damaged,${whole} Keep the whole run folder together, or run the experiment again to write it anew.`;
}

/** The ends of a comparison, which stay at the edges of the map. */
export function createEnds(app: App, map: MapView): HTMLElement | null {
  const { kind, classes } = app.store.index;
  const names = shortNames(app.store.index);
  if (kind !== "comparison" || classes.length !== 2) return null;
  const [left, right] = classes.map((cls, i) =>
    el("span", { class: i ? "right-end" : "left-end" }, i ? `${names[cls]} \u2192` : `\u2190 ${names[cls]}`),
  );
  const element = el("div", { class: "ends", role: "note", "aria-label": "From left to right" }, left, right);

  function follow(): void {
    const { view, free } = map;
    const most = Math.min(free.left + free.width, app.root.clientWidth - CORNER);
    const from = clamp(view.x, free.left, Math.max(free.left, most - 220));
    const to = clamp(view.x + view.k, from + 220, Math.max(from + 220, most));
    Object.assign(element.style, { left: `${from}px`, width: `${to - from}px` });
  }
  app.on("view", follow);
  follow();
  return element;
}
