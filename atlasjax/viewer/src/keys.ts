// Keys: the whole map by keyboard alone.
import { address, type App, hasClasses, strongest, whole } from "./app.ts";
import { nearestCell, placeOf, towards } from "./geometry.ts";
import type { MapView } from "./map.ts";
import type { Tools } from "./tools.ts";

const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
const STEP = 120; // px

export interface KeyActions {
  toggleList(): void;
  search(): void;
  tools: Tools;
  closeList(): boolean;
  /** Where keys are listened to: all of a page, or a part of one. */
  from: HTMLElement;
}

export function listenToKeys(app: App, map: MapView, canvas: HTMLElement, actions: KeyActions): void {
  /** Go to a cell, and tell of it. */
  function look(cell: number): void {
    const cells = app.cells();
    if (!cells || cell < 0) return;
    const { grid } = app.level;
    app.hovered = cell;
    if (app.pinned() >= 0) app.set({ pin: { grid, x: cells.x[cell], y: cells.y[cell] } });
    app.emit("cell");
    map.reveal((cells.x[cell] + 0.5) / grid, (cells.y[cell] + 0.5) / grid);
    map.redraw();
    const best = strongest(app, cells, cell);
    const most = best === null ? "" : `, most for ${best}`;
    app.speak(`${address(cells, cell)}: ${whole(cells.count[cell])} activations${most}`);
  }

  function middle(): number {
    const cells = app.cells();
    if (!cells) return -1;
    const at = placeOf(map.view, map.free);
    return nearestCell(cells.x, cells.y, app.level.grid, at.x, at.y);
  }

  const current = (): number => (app.pinned() >= 0 ? app.pinned() : app.hovered);

  function walk(dx: number, dy: number): void {
    const cells = app.cells();
    if (!cells) return;
    const from = current();
    const next = from < 0 ? middle() : towards(cells.x, cells.y, from, dx, dy);
    look(next < 0 ? from : next);
  }

  function pin(): void {
    const cells = app.cells();
    if (!cells) return;
    if (app.pinned() >= 0) return app.set({ pin: null });
    const cell = app.hovered >= 0 ? app.hovered : middle();
    if (cell < 0) return;
    app.hovered = cell;
    app.set({ pin: { grid: app.level.grid, x: cells.x[cell], y: cells.y[cell] } });
    app.speak("pinned");
  }

  function layer(step: number): void {
    const { layers } = app.store;
    const next = layers[layers.indexOf(app.state.layer) + step];
    if (!next) return;
    app.set({ layer: next, pin: app.store.index.aligned ? app.state.pin : null });
    app.speak(`Layer ${next}`);
  }

  /** What a key does wherever the focus is, but in a field; whether it did something. */
  function anywhere(event: KeyboardEvent): boolean {
    if (event.key === "/" && hasClasses(app)) actions.search();
    else if (event.key === "?") actions.tools.help();
    else if (event.key === "l" || event.key === "L") actions.toggleList();
    else if (event.key === "[") layer(-1);
    else if (event.key === "]") layer(1);
    else if (event.key === "+" || event.key === "=") map.zoomBy(1.5);
    else if (event.key === "-" || event.key === "_") map.zoomBy(1 / 1.5);
    else if (event.key === "0") map.go(0.5, 0.5, 1, true);
    else if (event.key === "Escape") {
      if (!actions.closeList() && app.state.pin) app.set({ pin: null });
    } else return false;
    return true;
  }

  actions.from.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target as HTMLElement;
    const onMap = target === canvas || target === document.body;
    if (target.matches("input[type=search]") && event.key !== "Escape") return;
    const arrow = ARROWS[event.key];
    if (onMap && arrow) {
      if (event.shiftKey) map.panBy(arrow[0] * STEP, arrow[1] * STEP);
      else walk(...arrow);
    } else if (onMap && (event.key === "Enter" || event.key === " ")) {
      pin();
    } else if (!anywhere(event)) {
      return;
    }
    event.preventDefault();
  });
  canvas.addEventListener("focus", () => {
    if (canvas.matches(":focus-visible") && current() < 0) look(middle());
  });
}
