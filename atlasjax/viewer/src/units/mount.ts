// Mount: the site of units in an element, from a source.
import { createEvents } from "../app.ts";
import { createToast } from "../dialog.ts";
import { el } from "../dom.ts";
import { DataError } from "../store.ts";
import { isDark, prefersDark, rememberedTheme, rememberTheme } from "../theme.ts";
import type { Source } from "../types.ts";
import type { App, Happening, Shown } from "./app.ts";
import { createCircuit } from "./circuit.ts";
import { createHead } from "./head.ts";
import { listenToKeys } from "./keys.ts";
import { readHash, writeHash } from "./permalink.ts";
import { createSheet } from "./sheet.ts";
import { openStore, type Store } from "./store.ts";
import { createUnit } from "./unit.ts";
import type { View } from "./types.ts";

export async function mount(element: HTMLElement, source: Source): Promise<void> {
  const reading = el("p", { class: "reading", role: "status" }, "Reading the site\u2026");
  const root = el("div", { class: "atlasjax units" }, reading);
  element.replaceChildren(root);
  root.dataset["theme"] = isDark(rememberedTheme()) ? "dark" : "light";
  try {
    show(root, source, await openStore(source));
  } catch (error) {
    const text = error instanceof DataError ? error.message : `The site cannot be read: ${String(error)}`;
    root.replaceChildren(el("p", { class: "panel fatal", role: "alert" }, text));
  }
}

function show(root: HTMLElement, source: Source, store: Store): void {
  const live = el("div", { class: "unseen", "aria-live": "polite" });
  const toast = createToast();
  const body = el("div", { class: "body-of" });
  const events = createEvents<Happening>();
  let view = readHash(location.hash, store);
  let shown: Shown | null = null;

  const app: App = {
    root,
    source,
    store,
    get view() {
      return view;
    },
    go(next, replace = false) {
      const hash = writeHash(next, store);
      if (replace) history.replaceState(null, "", hash);
      else history.pushState(null, "", hash);
      change(next);
    },
    on: events.on,
    theme: rememberedTheme(),
    setTheme(theme) {
      app.theme = theme;
      rememberTheme(theme);
      recolour();
    },
    speak: (text) => void (live.textContent = text),
    toast: toast.say,
  };

  function recolour(): void {
    root.dataset["theme"] = isDark(app.theme) ? "dark" : "light";
    shown?.theme?.();
    events.emit("theme");
  }

  function change(next: View): void {
    const before = view;
    view = next;
    render();
    app.speak(shown!.title);
    arrive(body, before, next);
  }

  function render(): void {
    shown = made(app, view);
    body.replaceChildren(shown.element);
    document.title = `${shown.title} \u00b7 units`;
    events.emit("view");
  }

  const head = createHead(app);
  render();
  root.replaceChildren(head.element, body, ...head.dialogs, live, el("div", { class: "notices" }, toast.element));
  listenToKeys(app, head);
  prefersDark().addEventListener("change", recolour);
  // Links, the back button and what is typed: the address says what is shown.
  const typed = (): void => {
    const next = readHash(location.hash, store);
    if (writeHash(next, store) !== writeHash(view, store)) change(next);
  };
  window.addEventListener("hashchange", typed);
  window.addEventListener("popstate", typed);
}

function made(app: App, view: View): Shown {
  if (view.kind === "sheet") return createSheet(app, view);
  return view.kind === "unit" ? createUnit(app, view) : createCircuit(app, view);
}

/** Go where one looks next: to the unit that one comes from, or to the top. */
function arrive(body: HTMLElement, before: View, view: View): void {
  if (before.kind === view.kind && before.layer === view.layer && view.kind === "sheet") return; // another order
  const from = before.kind !== "sheet" && view.kind === "sheet" && before.layer === view.layer ? before.unit : null;
  const tile = from === null ? null : body.querySelector<HTMLElement>(`[data-unit="${from}"]`);
  if (tile) {
    tile.scrollIntoView({ block: "center" });
    tile.focus({ preventScroll: true });
    return;
  }
  window.scrollTo(0, 0);
  body.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
}
