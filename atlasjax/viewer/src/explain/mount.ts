// Mount: the page of explained images in an element, from a source.
import { createEvents } from "../app.ts";
import { createToast } from "../dialog.ts";
import { el } from "../dom.ts";
import { DataError } from "../store.ts";
import { isDark, prefersDark, rememberedTheme, rememberTheme } from "../theme.ts";
import type { Source } from "../types.ts";
import { type App, type Happening, same } from "./app.ts";
import { createChannels } from "./channels.ts";
import { createFoot } from "./foot.ts";
import { createGroups } from "./groups.ts";
import { createHead, type Head } from "./head.ts";
import { remembering } from "./icons.ts";
import { listenToKeys } from "./keys.ts";
import { createLayers } from "./layers.ts";
import { lightsOf } from "./lights.ts";
import { createMethods } from "./methods.ts";
import { type Known, readHash, writeHash } from "./permalink.ts";
import { createStage } from "./stage.ts";
import { openStore, type Store } from "./store.ts";
import { createThumbs } from "./thumbs.ts";
import type { Focus, Picture, State } from "./types.ts";

interface Page {
  root: HTMLElement;
  source: Source;
  store: Store;
  live: HTMLElement;
  /** The timer that writes the address. */
  later: number;
  toast(text: string): void;
  /** Show a state of another image. */
  go(state: State | null): Promise<void>;
}

export async function mount(element: HTMLElement, source: Source): Promise<void> {
  const reading = el("p", { class: "reading", role: "status" }, "Reading the explanation\u2026");
  const root = el("div", { class: "atlasjax explain" }, reading);
  element.replaceChildren(root);
  root.dataset["theme"] = isDark(rememberedTheme()) ? "dark" : "light";
  try {
    const store = await openStore(source);
    await show(root, remembering(source), store);
  } catch (error) {
    const text = error instanceof DataError ? error.message : `The explanation cannot be read: ${String(error)}`;
    root.replaceChildren(el("p", { class: "panel fatal", role: "alert" }, text));
  }
}

async function show(root: HTMLElement, source: Source, store: Store): Promise<void> {
  const live = el("div", { class: "unseen", "aria-live": "polite" });
  const toast = createToast();
  const body = el("div", { class: "body-of" });
  let shown: { app: App; head: Head } | null = null;
  let asked = 0;

  async function go(state: State | null): Promise<void> {
    const turn = ++asked;
    const number = state?.picture ?? pictureOf(location.hash, store);
    const picture = await read(store, number);
    if (turn !== asked) return; // another image was asked for meanwhile
    const known = knownOf(store, picture);
    const app = createApp(page, picture, state ?? readHash(location.hash, known), known);
    const head = createHead(app);
    const within = document.activeElement?.closest(".thumbs") !== null && document.activeElement !== document.body;
    body.replaceChildren(...assemble(app, head));
    if (within) body.querySelector<HTMLElement>(".thumb[aria-pressed=true]")?.focus();
    if (shown) app.speak(`Image ${picture.meta.name}`);
    shown = { app, head };
    document.title = `${picture.meta.name} \u00b7 explained`;
  }

  const page: Page = { root, source, store, live, later: 0, toast: toast.say, go };
  await go(null);
  root.replaceChildren(body, live, el("div", { class: "notices" }, toast.element));
  listenToKeys(() => shown);
  prefersDark().addEventListener("change", () => shown?.app.emit("theme"));
  window.addEventListener("hashchange", () => {
    if (!shown || location.hash === writeHash(shown.app.state, knownOf(store, shown.app.picture))) return;
    clearTimeout(page.later);
    void go(null);
  });
}

async function read(store: Store, number: number): Promise<Picture> {
  try {
    return await store.picture(number);
  } catch {
    const { stem } = store.index.pictures[number];
    throw new DataError(`The file data/${stem}.js is missing or damaged. Keep the whole folder together.`);
  }
}

function pictureOf(hash: string, store: Store): number {
  const asked = new URLSearchParams(hash.replace(/^#/, "")).get("image");
  return Math.max(0, store.index.pictures.findIndex((meta) => meta.stem === asked));
}

function knownOf({ index }: Store, picture: Picture): Known {
  return {
    pictures: index.pictures.map((meta) => meta.stem),
    layers: picture.layers.map(({ name, rows, columns, groups, channels }) => ({
      name, rows, columns, groups: groups.count, channels: channels.names,
    })),
    targets: index.targets.length,
    classes: index.class_names.length,
    methods: picture.methods.map((method) => method.name),
    method: index.default_method,
  };
}

function createApp(page: Page, picture: Picture, state: State, known: Known): App {
  const { root, source, store, live } = page;
  const events = createEvents<Happening>();
  let hovered: Focus | null = null;
  let lit: ReturnType<App["lights"]> = null;
  let litFor: Focus | null = null;
  let maps = -1;

  function readMaps(): void {
    const { target } = state;
    if (maps === target) return;
    maps = target;
    app.maps = null;
    store.maps(state.picture, target).then(
      (found) => {
        if (state.target !== target) return;
        app.maps = found;
        events.emit("maps");
      },
      () => page.toast(`The maps for ${store.index.targets[target]} are missing or damaged. Keep the whole folder together.`),
    );
  }

  const app: App = {
    ...events,
    root,
    source,
    store,
    picture,
    state,
    set(patch) {
      if (patch.picture !== undefined && patch.picture !== state.picture) {
        const next = { ...state, ...patch, pin: null };
        return void page.go(next).then(() => remember(page, next, known));
      }
      Object.assign(state, patch);
      readMaps();
      remember(page, state, known);
      events.emit("state");
    },
    maps: null,
    focus: () => hovered ?? state.pin,
    look(focus) {
      if (same(hovered, focus)) return;
      hovered = focus;
      events.emit("focus");
    },
    pin(focus) {
      const off = same(state.pin, focus);
      if (off) hovered = null;
      app.set(off ? { pin: null } : { pin: focus, layer: focus.layer });
      events.emit("focus");
    },
    lights() {
      const focus = app.focus();
      if (!same(focus, litFor)) {
        litFor = focus;
        lit = focus && lightsOf(picture, focus);
      }
      return lit;
    },
    theme: rememberedTheme(),
    setTheme(theme) {
      app.theme = theme;
      rememberTheme(theme);
      events.emit("theme");
    },
    speak: (text) => void (live.textContent = text),
    toast: page.toast,
  };
  events.on("theme", () => void (root.dataset["theme"] = isDark(app.theme) ? "dark" : "light"));
  readMaps();
  return app;
}

const LATER = 200; // ms; browsers refuse an address that changes at every step of a slider

function remember(page: Page, state: State, known: Known): void {
  clearTimeout(page.later);
  page.later = window.setTimeout(() => write(state, known), LATER);
}

function write(state: State, known: Known): void {
  try {
    history.replaceState(null, "", writeHash(state, known));
  } catch {
    // too many at once, or a page that has no address of its own
  }
}

function assemble(app: App, head: Head): HTMLElement[] {
  const left = el("div", { class: "left" }, createThumbs(app), createStage(app));
  const layers = app.picture.layers.length > 0;
  const right = el(
    "div",
    { class: "story" },
    layers && createGroups(app),
    layers && createLayers(app),
    layers && createChannels(app),
    createMethods(app),
    createFoot(app),
  );
  return [head.element, el("div", { class: "both" }, left, right), ...head.dialogs];
}
