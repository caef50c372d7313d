// Address: the page's own, which always says what is shown.
import type { App } from "./app.ts";
import { placeOf } from "./geometry.ts";
import type { MapView } from "./map.ts";
import { readHash as read, writeHash } from "./permalink.ts";
import type { Store } from "./store.ts";
import type { State } from "./types.ts";

const LATER = 250; // ms; browsers refuse an address that changes at every frame

const LAYER = "atlasjax-layer:"; // and whose page it is

/** Which layer of this page was looked at last, in this browser. */
function remembered(): string | null {
  try {
    return localStorage.getItem(LAYER + location.pathname);
  } catch {
    return null; // a browser may forbid it
  }
}

function remember(layer: string): void {
  try {
    localStorage.setItem(LAYER + location.pathname, layer);
  } catch {
    // then it is forgotten with the page
  }
}

export const readHash = (hash: string, store: Store): State =>
  read(hash, {
    layers: store.layers,
    opens: [remembered(), store.index.opens].find((layer) => layer && store.layers.includes(layer)) ?? null,
    grids: (layer) => store.levelsOf(layer).map((level) => level.grid),
    classes: store.index.class_names.length,
  });

/** Keep the address in step with the state, and the state with an address that is typed. */
export function keepAddress(app: App, map: MapView, restore: (state: State) => void): void {
  let later = 0;
  let { layer } = app.state;
  let written = location.hash;

  function write(push: boolean): void {
    clearTimeout(later);
    later = 0;
    const { x, y, zoom } = placeOf(map.view, map.free);
    Object.assign(app.state, { x, y, zoom });
    const hash = writeHash(app.state);
    if (hash === location.hash) return;
    written = hash;
    try {
      if (push) history.pushState(null, "", hash);
      else history.replaceState(null, "", hash);
    } catch {
      // too many at once, or a page that has no address of its own
    }
  }

  app.on("view", () => {
    if (!later) later = window.setTimeout(() => write(false), LATER);
  });
  app.on("state", () => {
    write(layer !== app.state.layer); // the back button goes to the layer before
    if (layer !== app.state.layer) remember(app.state.layer);
    layer = app.state.layer;
  });
  const typed = (): void => {
    if (location.hash === written) return;
    written = location.hash;
    const next = readHash(location.hash, app.store);
    layer = next.layer;
    restore(next);
  };
  window.addEventListener("hashchange", typed);
  window.addEventListener("popstate", typed);
}
