// Pointer: what looks at a cell, and what pins it. Dragging and pinching are the map's own.
import type { App } from "./app.ts";
import type { MapView } from "./map.ts";
import type { Pin } from "./types.ts";

export function listenToPointer(app: App, map: MapView, canvas: HTMLCanvasElement): void {
  let before: Pin | null = null;

  function look(cell: number): void {
    if (cell === app.hovered) return;
    app.hovered = cell;
    canvas.classList.toggle("over-cell", cell >= 0);
    app.emit("cell");
    map.redraw();
  }

  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch" || event.buttons) return;
    look(map.cellAt(event.clientX, event.clientY));
  });
  canvas.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") look(-1);
  });
  canvas.addEventListener("click", (event) => {
    if (event.detail > 1) return; // the second of a double click
    const cells = app.cells();
    const cell = map.cellAt(event.clientX, event.clientY);
    before = app.state.pin;
    if (!cells || cell < 0 || cell === app.pinned()) return app.set({ pin: null });
    app.set({ pin: { grid: app.level.grid, x: cells.x[cell], y: cells.y[cell] } });
  });
  canvas.addEventListener("dblclick", (event) => {
    app.set({ pin: before }); // a double click zooms and pins nothing
    const box = canvas.getBoundingClientRect();
    map.zoomAt(event.clientX - box.left, event.clientY - box.top, event.shiftKey ? 0.5 : 2);
  });
}
