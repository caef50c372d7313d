// Positions: looked at with the pointer or the arrow keys, on the image and on every grid.
import { clamp } from "../permalink.ts";
import { type App, sayFocus } from "./app.ts";
import { bestFor } from "./lights.ts";
import type { Focus, Layer } from "./types.ts";

const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** The position one step from another; it stops at the edge. */
export function stepped(layer: Pick<Layer, "rows" | "columns">, at: number, dx: number, dy: number): number {
  const row = clamp(Math.floor(at / layer.columns) + dy, 0, layer.rows - 1);
  const column = clamp((at % layer.columns) + dx, 0, layer.columns - 1);
  return row * layer.columns + column;
}

/** Walk from what is looked at; from nothing, begin where most is done for the target. */
export function walk(app: App, layer: number, dx: number, dy: number): void {
  const shown = app.picture.layers[layer];
  if (!shown) return;
  const focus = app.focus();
  const begun = focus?.kind === "position" && focus.layer === layer;
  const at = begun ? stepped(shown, focus.at, dx, dy) : bestFor(shown, app.state.target);
  const next: Focus = { kind: "position", layer, at };
  if (app.state.pin?.kind === "position" && app.state.layer === layer) app.set({ pin: next });
  app.look(next);
  app.speak(sayFocus(app, next));
}

/** What an arrow key means; whether it was one. */
export function walkByKey(app: App, layer: number, event: KeyboardEvent): boolean {
  const arrow = ARROWS[event.key];
  if (!arrow || event.shiftKey) return false;
  walk(app, layer, ...arrow);
  return true;
}

/** Let a surface be walked over with the pointer and the keyboard. */
export function walks(app: App, surface: HTMLElement, layer: () => number): void {
  const under = (event: MouseEvent): Focus | null => {
    const shown = app.picture.layers[layer()];
    if (!shown) return null;
    const box = surface.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * shown.columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * shown.rows);
    if (row < 0 || column < 0 || row >= shown.rows || column >= shown.columns) return null;
    return { kind: "position", layer: layer(), at: row * shown.columns + column };
  };
  surface.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") app.look(under(event));
  });
  surface.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") app.look(null);
  });
  surface.addEventListener("click", (event) => {
    const focus = under(event);
    if (focus) app.pin(focus);
  });
  surface.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const focus = app.focus();
    if (walkByKey(app, layer(), event)) {
      event.preventDefault();
      event.stopPropagation();
    } else if ((event.key === "Enter" || event.key === " ") && focus) {
      app.pin(focus);
      event.preventDefault();
    }
  });
  surface.addEventListener("focus", () => {
    if (surface.matches(":focus-visible") && !app.focus()) walk(app, layer(), 0, 0);
  });
}

/** Let an element stand for a group or a channel. */
export function standsFor(app: App, element: HTMLElement, focus: Focus): void {
  element.addEventListener("pointerenter", (event) => event.pointerType !== "touch" && app.look(focus));
  element.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && app.look(null));
  element.addEventListener("focus", () => element.matches(":focus-visible") && app.look(focus));
  element.addEventListener("blur", () => app.look(null));
  element.addEventListener("click", () => app.pin(focus));
}
