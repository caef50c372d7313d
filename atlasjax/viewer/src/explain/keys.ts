// Keys: the whole page by keyboard alone.
import { clamp } from "../permalink.ts";
import { type App, layerOf, sayFocus, shortTarget } from "./app.ts";
import type { Head } from "./head.ts";
import { AMOUNT } from "./permalink.ts";
import { walkByKey } from "./positions.ts";
import type { Focus, Overlay } from "./types.ts";

const OVERLAYS: readonly Overlay[] = ["colour", "reveal", "none"];

/** The next of several, from the last to the first. */
export const cycled = (at: number, step: number, count: number): number => (at + step + count) % count;

function method(app: App, step: number): void {
  const { methods } = app.picture;
  if (!methods.length) return;
  const next = cycled(app.state.method, step, methods.length);
  app.set({ method: next });
  app.speak(methods[next].title);
}

function group(app: App, step: number): void {
  const layer = layerOf(app);
  if (!layer?.groups.count) return;
  const focus = app.focus();
  const begun = focus?.kind === "group" && focus.layer === app.state.layer;
  const at = begun ? cycled(focus.at, step, layer.groups.count) : step > 0 ? 0 : layer.groups.count - 1;
  const next: Focus = { kind: "group", layer: app.state.layer, at };
  app.look(next);
  app.speak(sayFocus(app, next));
}

function layer(app: App, step: number): void {
  const next = app.state.layer + step;
  if (!app.picture.layers[next]) return;
  app.look(null);
  app.set({ layer: next, pin: null });
  app.speak(`Layer ${app.picture.layers[next].name}`);
}

function target(app: App, number: number): void {
  if (number >= app.store.index.targets.length) return;
  app.set({ target: number, cls: null });
  app.speak(`Target ${shortTarget(app, number)}`);
}

function overlay(app: App): void {
  if (!app.picture.methods.length) return;
  const next = OVERLAYS[cycled(OVERLAYS.indexOf(app.state.overlay), 1, OVERLAYS.length)];
  app.set({ overlay: next, amount: AMOUNT[next] });
}

function image(app: App, step: number): void {
  const { pictures } = app.store.index;
  if (pictures.length > 1) app.set({ picture: cycled(app.state.picture, step, pictures.length) });
}

const more = (app: App, step: number): void => app.set({ amount: clamp(app.state.amount + step, 0, 1) });

/** What a key does wherever the focus is, but in a field; whether it did something. */
function anywhere(app: App, head: Head, event: KeyboardEvent): boolean {
  const { key } = event;
  if (/^[1-9]$/.test(key)) target(app, Number(key) - 1);
  else if (key === "m" || key === "M") method(app, key === "M" ? -1 : 1);
  else if (key === "g" || key === "G") group(app, key === "G" ? -1 : 1);
  else if (key === "o" || key === "O") overlay(app);
  else if (key === "v" || key === "V") app.set({ grid: !app.state.grid });
  else if (key === "[") layer(app, -1);
  else if (key === "]") layer(app, 1);
  else if (key === ",") image(app, -1);
  else if (key === ".") image(app, 1);
  else if (key === "+" || key === "=") more(app, 0.05);
  else if (key === "-" || key === "_") more(app, -0.05);
  else if (key === "/" && app.store.index.class_names.length) head.search();
  else if (key === "?") head.help();
  else if (key === "Escape") {
    app.look(null);
    if (app.state.pin) app.set({ pin: null });
  } else return false;
  return true;
}

/** Listen once, for whichever image is shown. */
export function listenToKeys(shown: () => { app: App; head: Head } | null): void {
  document.body.addEventListener("keydown", (event) => {
    const current = shown();
    if (!current || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const { app, head } = current;
    const from = event.target as HTMLElement;
    if (from.matches("input[type=search], select") && event.key !== "Escape") return;
    const nowhere = from === document.body;
    const focus = app.focus();
    if (nowhere && walkByKey(app, app.state.layer, event)) event.preventDefault();
    else if (nowhere && event.key === "Enter" && focus) app.pin(focus);
    else if (anywhere(app, head, event)) event.preventDefault();
  });
}
