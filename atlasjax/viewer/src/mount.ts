// Mount: the viewer in an element, from a source. Nothing outside the element is touched, except
// the address, and that only where it is asked for.
import { type App, createEvents, sameCell } from "./app.ts";
import { createCellPanel } from "./cell.ts";
import { copy } from "./dialog.ts";
import { button, el } from "./dom.ts";
import { readExplained } from "./explained.ts";
import { type Free, gridFor, placeOf, viewOf } from "./geometry.ts";
import { listenToKeys } from "./keys.ts";
import { createLegend } from "./legend.ts";
import { createList } from "./list.ts";
import { createMap, type MapView } from "./map.ts";
import { createMinimap } from "./minimap.ts";
import { keepAddress, readHash } from "./address.ts";
import { listenToPointer } from "./pointer.ts";
import { PALETTES } from "./shade.ts";
import { createShading } from "./shading.ts";
import { createSidebar, kindText } from "./sidebar.ts";
import { DataError, openStore, type Store } from "./store.ts";
import { createEnds, createNotices } from "./notices.ts";
import { isDark, prefersDark, rememberedTheme, rememberTheme, type Theme } from "./theme.ts";
import { createTiles } from "./tiles.ts";
import { createTools, type Tools } from "./tools.ts";
import type { Source, State } from "./types.ts";

export interface Options {
  /** Whether the address of the page keeps what is shown. */
  permalink: boolean;
}

const BUDGET = 128 * 2 ** 20; // bytes of sheets, decoded
const BUDGET_SMALL = 72 * 2 ** 20; // on a phone
const NARROW = 720; // px
const SIDE = 288; // px; of the panels left and right, with their margins
const PANEL = 332;

/** Show an atlas in an element. */
export async function mount(element: HTMLElement, source: Source, options: Options): Promise<App | null> {
  const reading = el("p", { class: "reading", role: "status" }, "Reading the atlas\u2026");
  const root = el("div", { class: "atlasjax" }, reading);
  element.replaceChildren(root);
  let store: Store;
  try {
    store = await openStore(source);
  } catch (error) {
    const text = error instanceof DataError ? error.message : `The atlas cannot be read: ${String(error)}`;
    root.replaceChildren(el("p", { class: "panel fatal", role: "alert" }, text));
    return null;
  }
  reading.remove();
  return assemble(root, source, store, options);
}

function assemble(root: HTMLElement, source: Source, store: Store, options: Options): App {
  const app = createApp(root, source, store, options);
  const label = `${kindText(app)} of ${store.index.name}: walk with the arrow keys`;
  const canvas = el("canvas", { class: "map", tabindex: "0", role: "application", "aria-roledescription": "map", "aria-label": label });
  root.append(canvas);
  const shading = createShading(app);
  const map = createMap(canvas, app, shading, freeOf(root));

  const panel = createCellPanel(app, shading);
  let tools: Tools;
  const list = createList(app, map, shading, () => {
    tools.listShown(false);
    canvas.focus({ preventScroll: true });
  });
  const toggleList = (): boolean => {
    const on = list.toggle();
    tools.listShown(on);
    return on;
  };
  tools = createTools(app, {
    toggleList,
    savePicture: () => savePicture(app, canvas),
    copyLink: options.permalink ? () => copyLink(app) : null,
    setTheme: (theme) => setTheme(app, theme),
  });
  const zooms = el(
    "div",
    { class: "panel zooms", role: "group", "aria-label": "Zoom" },
    button("Zoom in", "plus", () => map.zoomBy(1.6)),
    button("Zoom out", "minus", () => map.zoomBy(1 / 1.6)),
    button("The whole map", "whole", () => map.go(0.5, 0.5, 1, true)),
  );
  const corner = el("div", { class: "corner" }, createMinimap(app, map), zooms);
  const right = el("div", { class: "right" }, tools.element, list.element, panel, corner);
  const sidebar = createSidebar(app);
  const ends = createEnds(app, map);
  root.prepend(sidebar);
  root.append(createLegend(app, shading), right, createNotices(app), ...tools.dialogs);
  if (ends) root.append(ends);

  listenToPointer(app, map, canvas);
  listenToKeys(app, map, canvas, {
    toggleList,
    tools,
    from: options.permalink ? document.body : root,
    search: () => root.querySelector<HTMLInputElement>(".query")?.focus(),
    closeList: () => !list.element.hidden && !toggleList(),
  });
  connect(app, map, options);
  return app;
}

function createApp(root: HTMLElement, source: Source, store: Store, options: Options): App {
  const events = createEvents();
  const state = readHash(options.permalink ? location.hash : "", store);
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const levels = store.levelsOf(state.layer);
  const k = viewOf(0.5, 0.5, state.zoom, freeOf(root)).k;
  const grid = state.grid ?? gridFor(k, levels.map((level) => level.grid), null);
  const small = window.innerWidth < NARROW;
  const tiles = createTiles(source, small ? BUDGET_SMALL : BUDGET, (path, missing) => {
    if (missing) {
      app.missing.add(path);
      events.emit("missing");
    }
    events.emit("tiles");
  });
  const live = el("div", { class: "unseen", "aria-live": "polite" });
  root.append(live);
  const app: App = {
    ...events,
    root,
    source,
    store,
    tiles,
    state,
    set(patch) {
      Object.assign(state, patch);
      events.emit("state");
    },
    level: store.level(state.layer, grid)!,
    cells: () => store.ready(app.level),
    hovered: -1,
    pinned() {
      const cells = app.cells();
      return cells && state.pin ? sameCell(cells, app.level, state.pin) : -1;
    },
    explained: new Map(),
    palette: () => PALETTES[isDark(app.theme) ? "dark" : "light"],
    theme: rememberedTheme(),
    get calm() {
      return calm.matches;
    },
    missing: new Set(),
    speak: (text) => void (live.textContent = text),
    toast: () => undefined,
  };
  const dress = (): void => void (root.dataset["theme"] = isDark(app.theme) ? "dark" : "light");
  dress();
  events.on("theme", dress);
  prefersDark().addEventListener("change", () => events.emit("theme"));
  return app;
}

/** Make the map follow the state, the window and the address. */
function connect(app: App, map: MapView, options: Options): void {
  let { layer, pin: pinned } = app.state;
  const places = new Map<string, { x: number; y: number; zoom: number }>();
  app.on("tiles", () => map.redraw());
  app.on("state", () => {
    const changed = layer !== app.state.layer;
    if (changed && !app.store.index.aligned) {
      // A place means nothing in another layer: each is left and found where it was.
      places.set(layer, placeOf(map.view, map.free));
      const there = places.get(app.state.layer) ?? { x: 0.5, y: 0.5, zoom: 1 };
      layer = app.state.layer;
      map.go(there.x, there.y, there.zoom, false);
    }
    layer = app.state.layer;
    map.refresh();
    const { pin } = app.state;
    if (pin && pin !== pinned && app.root.clientWidth < NARROW) {
      map.lift((pin.y + 1) / pin.grid, 0.42 * app.root.clientHeight); // the sheet would cover it
    }
    pinned = pin;
  });
  app.on("theme", () => map.redraw());
  app.on("shade", () => map.redraw());
  new ResizeObserver(() => {
    map.setFree(freeOf(app.root));
    map.redraw();
  }).observe(app.root);
  map.refresh();
  void readExplained(app.source, app.store.index).then((found) => {
    app.explained = found;
    app.emit("explained");
  });
  if (options.permalink) {
    keepAddress(app, map, (next: State) => {
      Object.assign(app.state, next);
      layer = next.layer;
      map.go(next.x, next.y, next.zoom, false);
      app.emit("state");
    });
  }
}

/** What of the window no panel covers. */
function freeOf(root: HTMLElement): Free {
  const { clientWidth: width, clientHeight: height } = root;
  if (width < NARROW) return { left: 0, top: 96, width, height: Math.max(120, height - 96 - 24) };
  const right = width >= 1080 ? PANEL : 0;
  return { left: SIDE, top: 0, width: Math.max(200, width - SIDE - right), height };
}

function setTheme(app: App, theme: Theme): void {
  app.theme = theme;
  rememberTheme(theme);
  app.emit("theme");
}

function copyLink(app: App): void {
  const refused = "The browser did not allow copying: the link is in the address bar";
  copy(location.href, "The link is copied", refused, app.toast);
}

function savePicture(app: App, canvas: HTMLCanvasElement): void {
  const picture = app.level.picture;
  if (!app.source.savable) {
    return app.toast(
      "A browser lets no page read what it drew from files on disk. The whole level is the file " +
        `${picture} beside this page; \u201catlasjax view\u201d and the single file can save a view.`,
    );
  }
  canvas.toBlob((blob) => {
    if (!blob) return app.toast("The browser could not make the picture");
    const address = URL.createObjectURL(blob);
    const name = `${app.store.index.name}-${app.level.name}.png`.replace(/[^\w.]+/g, "-");
    el("a", { href: address, download: name }).click();
    window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
  });
}
