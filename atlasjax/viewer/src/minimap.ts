// The minimap: the whole map, with a window in it that can be dragged.
import type { App } from "./app.ts";
import { el } from "./dom.ts";
import { placeOf } from "./geometry.ts";
import type { MapView } from "./map.ts";
import { overviewPath } from "./paint.ts";
import { clamp } from "./permalink.ts";

const SIDE = 132; // CSS px

export function createMinimap(app: App, map: MapView): HTMLElement {
  const canvas = el("canvas", { width: SIDE * 2, height: SIDE * 2 });
  const frame = el("div", { class: "frame" });
  const element = el("div", { class: "panel minimap", "aria-hidden": "true" }, canvas, frame);
  let drawn = "";

  function draw(): void {
    const levels = app.store.levelsOf(app.state.layer);
    const meta = levels.find((level) => level.grid >= 16) ?? levels[levels.length - 1];
    const key = `${meta.name} ${app.palette().ground.join()}`;
    if (drawn === key) return;
    drawn = key;
    app.tiles
      .load(overviewPath(meta))
      .then((picture) => {
        if (drawn !== key) return;
        const context = canvas.getContext("2d")!;
        context.imageSmoothingQuality = "high";
        context.clearRect(0, 0, canvas.width, canvas.height);
        context.drawImage(picture, 0, 0, canvas.width, canvas.height);
      })
      .catch(() => undefined);
  }

  function follow(): void {
    const { view, free } = map;
    const at = (value: number): number => clamp(value, 0, 1) * SIDE;
    const left = at((free.left - view.x) / view.k);
    const top = at((free.top - view.y) / view.k);
    const right = at((free.left + free.width - view.x) / view.k);
    const bottom = at((free.top + free.height - view.y) / view.k);
    Object.assign(frame.style, {
      transform: `translate(${left}px, ${top}px)`,
      width: `${Math.max(4, right - left)}px`,
      height: `${Math.max(4, bottom - top)}px`,
    });
    element.classList.toggle("all", right - left > SIDE * 0.98 && bottom - top > SIDE * 0.98);
  }

  function drag(event: PointerEvent): void {
    if (!(event.buttons & 1)) return;
    const box = canvas.getBoundingClientRect();
    const { zoom } = placeOf(map.view, map.free);
    const x = clamp((event.clientX - box.left) / box.width, 0, 1);
    const y = clamp((event.clientY - box.top) / box.height, 0, 1);
    map.go(x, y, zoom, false);
  }
  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    drag(event);
  });
  element.addEventListener("pointermove", drag);
  app.on("view", follow);
  app.on("state", draw);
  app.on("theme", draw);
  draw();
  follow();
  return element;
}
