// Keys: the whole site by keyboard alone.
import type { App } from "./app.ts";
import type { Head } from "./head.ts";
import { DEPTHS, sheetOf, USUAL } from "./permalink.ts";
import { neighbour } from "./unit.ts";

function unit(app: App, step: number): void {
  const { view, store } = app;
  if (view.kind === "sheet") return;
  const next = neighbour(store.layer(view.layer)!, store.at(view), step);
  app.go({ ...view, ...next });
}

function layer(app: App, step: number): void {
  const names = app.store.index.layers.map(({ name }) => name);
  const next = names[names.indexOf(app.view.layer) + step];
  if (next !== undefined) app.go(sheetOf(app.store, next));
}

function circuit(app: App): void {
  const { view, store } = app;
  if (view.kind === "sheet" || !store.layer(view.layer)!.inputs.length) return;
  const ref = { layer: view.layer, unit: view.unit };
  app.go(view.kind === "unit" ? { ...ref, ...USUAL, kind: "circuit" } : { ...ref, kind: "unit" });
}

function depth(app: App, asked: number): void {
  const found = DEPTHS.find((one) => one === asked);
  if (app.view.kind === "circuit" && found) app.go({ ...app.view, depth: found }, true);
}

function up(app: App): void {
  const { view } = app;
  if (view.kind === "unit") app.go(sheetOf(app.store, view.layer));
  if (view.kind === "circuit") app.go({ kind: "unit", layer: view.layer, unit: view.unit });
}

function anywhere(app: App, head: Head, key: string): boolean {
  if (key === ",") unit(app, -1);
  else if (key === ".") unit(app, 1);
  else if (key === "[") layer(app, -1);
  else if (key === "]") layer(app, 1);
  else if (key === "c" || key === "C") circuit(app);
  else if (/^[1-9]$/.test(key)) depth(app, Number(key));
  else if (key === "/") head.search();
  else if (key === "?") head.help();
  else if (key === "Escape") up(app);
  else return false;
  return true;
}

export function listenToKeys(app: App, head: Head): void {
  document.body.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const from = event.target as HTMLElement;
    if (from.matches("input[type=search], select") && event.key !== "Escape") return;
    if (anywhere(app, head, event.key)) event.preventDefault();
  });
}
