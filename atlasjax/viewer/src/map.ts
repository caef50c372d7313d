// The map: one canvas that is panned and zoomed, and the levels that come and go on it.
import { select } from "d3-selection";
import "d3-transition";
import { zoom as d3zoom, zoomIdentity, type D3ZoomEvent, type ZoomTransform } from "d3-zoom";
import type { App } from "./app.ts";
import { fit, type Free, gridFor, placeOf, type View, viewOf } from "./geometry.ts";
import { place, type Placed, shortNames } from "./labels.ts";
import { createPainter, labelWidth, type Outline, overviewPath, type Shown } from "./paint.ts";
import { clamp } from "./permalink.ts";
import type { Shading } from "./shading.ts";
import type { LevelMeta } from "./types.ts";

const FADE = 260; // ms
const CLOSEST = 420; // px; the largest that a cell is ever drawn
const STILL = 160; // ms without a movement, after which there is time to scale icons well

export interface MapView {
  readonly view: Readonly<View>;
  readonly free: Readonly<Free>;
  go(x: number, y: number, zoom: number, animate: boolean): void;
  zoomBy(factor: number): void;
  /** Zoom so that what is at a place of the canvas stays there. */
  zoomAt(x: number, y: number, factor: number): void;
  panBy(dx: number, dy: number): void;
  /** Move the map so that a place in the unit square is seen, if it is not. */
  reveal(x: number, y: number): void;
  /** Move the map up until a place of it is no lower than this in the window. */
  lift(y: number, most: number): void;
  setFree(free: Free): void;
  /** The cell at a place of the window, or -1. */
  cellAt(clientX: number, clientY: number): number;
  /** Show what the state says. */
  refresh(): void;
  redraw(): void;
}

interface Held {
  meta: LevelMeta;
  /** When it began to be seen; null while there is nothing of it to see. */
  since: number | null;
}

export function createMap(canvas: HTMLCanvasElement, app: App, shading: Shading, first: Free): MapView {
  const context = canvas.getContext("2d", { alpha: false })!;
  const painter = createPainter(app.store, app.tiles);
  const widthOf = labelWidth(document.createElement("canvas").getContext("2d")!);
  const selection = select(canvas);
  let free = first;
  let view = viewOf(app.state.x, app.state.y, app.state.zoom, free);
  let stack: Held[] = [];
  let asked = 0; // of the next frame
  let moved = 0; // when the map last moved
  let later = 0;
  let seen = false;
  let labelled: { key: string; placed: Placed[] } = { key: "", placed: [] };

  const behaviour = d3zoom<HTMLCanvasElement, unknown>()
    .clickDistance(5)
    .tapDistance(12)
    .constrain(kept)
    .on("zoom", ({ transform }: D3ZoomEvent<HTMLCanvasElement, unknown>) => {
      view = { k: transform.k, x: transform.x, y: transform.y };
      moved = performance.now();
      follow();
      app.emit("view");
      redraw();
    });
  selection.call(behaviour).on("dblclick.zoom", null);

  /** Keep the middle of the window on the map. */
  function kept(transform: ZoomTransform): ZoomTransform {
    const middle = placeOf({ k: transform.k, x: transform.x, y: transform.y }, free);
    const held = viewOf(clamp(middle.x, 0, 1), clamp(middle.y, 0, 1), middle.zoom, free);
    return zoomIdentity.translate(held.x, held.y).scale(transform.k);
  }

  function limits(): void {
    const grids = app.store.levelsOf(app.state.layer).map((level) => level.grid);
    const most = Math.max(fit(free) * 2, CLOSEST * Math.max(...grids));
    behaviour.scaleExtent([fit(free) * 0.6, most]);
  }

  function jump(to: View, animate: boolean): void {
    const transform = zoomIdentity.translate(to.x, to.y).scale(to.k);
    if (animate && !app.calm) selection.transition().duration(420).call(behaviour.transform, transform);
    else selection.interrupt().call(behaviour.transform, transform);
  }

  /** Choose the level for where the map is, and have it come. */
  function follow(): void {
    const levels = app.store.levelsOf(app.state.layer);
    const current = app.level.layer === app.state.layer ? app.level.grid : null;
    const grid = app.state.grid ?? gridFor(view.k, levels.map((level) => level.grid), current);
    const meta = app.store.level(app.state.layer, grid) ?? levels[0];
    if (stack[stack.length - 1]?.meta === meta) return;
    const layerChanges = app.level.layer !== meta.layer;
    if (layerChanges && !app.store.index.aligned) stack = [];
    stack = [...stack.filter((held) => held.meta !== meta).slice(-2), { meta, since: null }];
    app.level = meta;
    app.hovered = -1;
    app.emit("level");
    app.store
      .cells(meta)
      .catch(() => {
        app.missing.add(`data/${meta.name}.js`);
        app.emit("missing");
      })
      .then(() => {
        if (app.level === meta) app.emit("level");
        redraw();
      });
  }

  /** How much of each level is seen while one fades into the next. */
  function fading(now: number): Shown[] {
    const top = stack[stack.length - 1];
    if (top.since === null && app.tiles.state(overviewPath(top.meta)) !== "loading") {
      if (app.tiles.state(overviewPath(top.meta))) top.since = now;
    }
    const t = top.since === null ? 0 : app.calm ? 1 : clamp((now - top.since) / FADE, 0, 1);
    if (t >= 1) stack = [top];
    else if (top.since !== null) redraw();
    return stack.map((held) => ({
      meta: held.meta,
      alpha: t >= 1 ? 1 : held === top ? Math.min(1, 2 * t) : Math.min(1, 2 - 2 * t),
    }));
  }

  function labels(): Placed[] {
    const cells = app.cells();
    if (!app.state.labels || !cells) return [];
    const coarse = Math.round(Math.log(view.k) * 12);
    const key = `${app.level.name} ${coarse}`;
    if (labelled.key !== key) {
      const placed = place(cells.labels, shortNames(app.store.index), Math.exp(coarse / 12), widthOf);
      labelled = { key, placed };
    }
    return labelled.placed;
  }

  function outlines(): Outline[] {
    const cells = app.cells();
    if (!cells) return [];
    const [pinned, { grid }] = [app.pinned(), app.level];
    return [...new Set([app.hovered, pinned])]
      .filter((cell) => cell >= 0)
      .map((cell) => ({ grid, x: cells.x[cell], y: cells.y[cell], pinned: cell === pinned }));
  }

  function frame(now: number): void {
    asked = 0;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width || !height || !stack.length) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const still = performance.now() - moved > STILL;
    if (!still) {
      clearTimeout(later);
      later = window.setTimeout(redraw, STILL + 20);
    }
    const wanted = painter.paint(context, {
      width,
      height,
      ratio,
      view,
      shown: fading(now),
      density: app.state.density,
      palette: app.palette(),
      overlay: shading.overlay,
      labels: labels(),
      outlines: outlines(),
      still,
    });
    app.tiles.want(wanted);
    const busy = wanted.some((path) => !["ready", "missing"].includes(app.tiles.state(path) ?? ""));
    app.root.classList.toggle("busy", busy);
    if (!seen && stack.some((held) => app.tiles.get(overviewPath(held.meta)))) {
      seen = true;
      performance.mark("atlas-first-picture"); // for whoever measures
    }
  }

  function redraw(): void {
    if (!asked) asked = requestAnimationFrame(frame);
  }

  limits();
  const map: MapView = {
    get view() {
      return view;
    },
    get free() {
      return free;
    },
    go: (x, y, zoom, animate) => jump(viewOf(x, y, zoom, free), animate),
    zoomBy(factor) {
      const at = placeOf(view, free);
      const [least, most] = behaviour.scaleExtent();
      map.go(at.x, at.y, clamp(at.zoom * factor, least / fit(free), most / fit(free)), true);
    },
    zoomAt(x, y, factor) {
      const [least, most] = behaviour.scaleExtent();
      const k = clamp(view.k * factor, least, most);
      const ratio = k / view.k;
      jump({ k, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio }, true);
    },
    panBy(dx, dy) {
      jump({ k: view.k, x: view.x - dx, y: view.y - dy }, true);
    },
    reveal(x, y) {
      const [left, top] = [view.x + view.k * x - free.left, view.y + view.k * y - free.top];
      const edge = Math.min(40, free.width / 4);
      const seen =
        left > edge && top > edge && left < free.width - edge && top < free.height - edge;
      if (!seen) map.go(x, y, placeOf(view, free).zoom, true);
    },
    lift(y, most) {
      const down = view.y + view.k * y - most;
      if (down > 0) jump({ ...view, y: view.y - down }, true);
    },
    setFree(next) {
      const at = placeOf(view, free);
      free = next;
      limits();
      jump(viewOf(at.x, at.y, at.zoom, free), false);
    },
    cellAt(clientX, clientY) {
      const cells = app.cells();
      if (!cells) return -1;
      const box = canvas.getBoundingClientRect();
      const { grid } = app.level;
      const x = Math.floor(((clientX - box.left - view.x) / view.k) * grid);
      const y = Math.floor(((clientY - box.top - view.y) / view.k) * grid);
      if (x < 0 || y < 0 || x >= grid || y >= grid) return -1;
      return cells.at[y * grid + x];
    },
    refresh() {
      limits();
      follow();
      redraw();
    },
    redraw,
  };
  return map;
}

