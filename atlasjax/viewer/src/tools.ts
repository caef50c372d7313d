// The tools: how the map is shown, the list, links, pictures, and how the atlas was made.
import { type App, hasClasses, NO_CLASSES } from "./app.ts";
import { dialog, keyList, recordOf } from "./dialog.ts";
import { button, el, segments, tick, uid } from "./dom.ts";
import type { Theme } from "./theme.ts";

export interface Tools {
  element: HTMLElement;
  dialogs: HTMLElement[];
  help(): void;
  listShown(on: boolean): void;
}

export interface Actions {
  toggleList(): boolean;
  savePicture(): void;
  copyLink: (() => void) | null;
  setTheme(theme: Theme): void;
}

const FIND = "/";
const KEYS: [string, string][] = [
  ["arrows", "walk from cell to cell"],
  ["Shift + arrows", "move the map"],
  ["+ and \u2212", "zoom"],
  ["0", "the whole map"],
  ["Enter", "pin the cell, or release it"],
  ["Escape", "release the cell, close what is open"],
  ["[ and ]", "the layer before, the layer after"],
  [FIND, "find a class"],
  ["L", "the list of the cells in view"],
  ["?", "this help"],
];

export function createTools(app: App, actions: Actions): Tools {
  const menu = viewMenu(app, actions);
  const made = dialog("How it was made", recordOf(app.store.index.made, app.store.index.record));
  const help = dialog("How to read it", helpText(hasClasses(app)));
  const list = button("List of the cells in view", "list", () => actions.toggleList(), { "aria-pressed": "false" });
  const copy = actions.copyLink;
  const element = el(
    "div",
    { class: "tools", role: "toolbar", "aria-label": "Tools" },
    menu,
    list,
    copy && button("Copy a link to this view", "link", copy),
    button("Save this view as a picture", "save", actions.savePicture),
    button("How it was made", "info", () => made.showModal()),
    button("Help", "help", () => help.showModal()),
  );
  return {
    element,
    dialogs: [made, help],
    help: () => help.showModal(),
    listShown: (on) => list.setAttribute("aria-pressed", String(on)),
  };
}

function viewMenu(app: App, actions: Actions): HTMLElement {
  const id = uid("menu");
  const toggle = button("What the map shows", "view", () => open(Boolean(box.hidden)), {
    "aria-expanded": "false",
    "aria-controls": id,
  });
  const box = el("div", { class: "panel menu", id, hidden: true, role: "group", "aria-label": "What the map shows" });
  const holder = el("div", { class: "holder" }, toggle, box);

  function open(on: boolean): void {
    box.hidden = !on;
    toggle.setAttribute("aria-expanded", String(on));
    if (on) fill();
  }

  function fill(): void {
    const grids = app.store.levelsOf(app.state.layer).map((level) => level.grid);
    const levels = segments<number | null>(
      "Level",
      [[null, "Auto"], ...grids.map((grid) => [grid, String(grid)] as const)],
      () => app.state.grid,
      (grid) => app.set({ grid }),
    );
    const themes = segments<Theme>(
      "Theme",
      [["system", "System"], ["dark", "Dark"], ["light", "Light"]],
      () => app.theme,
      actions.setTheme,
    );
    const density = tick("Icons sized by activations", () => app.state.density, (on) => app.set({ density: on }));
    const labels = tick("Names of regions", () => app.state.labels, (on) => app.set({ labels: on }));
    box.replaceChildren(
      el("h2", {}, "Level"),
      levels.element,
      el("h2", {}, "Map"),
      ...(hasClasses(app) ? [labels.element] : []), // it is classes that regions are named by
      density.element,
      el("h2", {}, "Theme"),
      themes.element,
    );
    updates = [levels.update, themes.update, density.update, labels.update];
  }

  let updates: (() => void)[] = [];
  let layer = app.state.layer;
  app.on("state", () => {
    if (!box.hidden && layer !== app.state.layer) fill();
    layer = app.state.layer;
    updates.forEach((update) => update());
  });
  app.on("theme", () => updates.forEach((update) => update()));
  holder.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || box.hidden) return;
    open(false);
    toggle.focus();
    event.stopPropagation();
  });
  app.root.addEventListener("pointerdown", (event) => {
    if (!box.hidden && !holder.contains(event.target as Node)) open(false);
  });
  return holder;
}

function helpText(classes: boolean): HTMLElement {
  const keys = keyList(classes ? KEYS : KEYS.filter(([key]) => key !== FIND));
  return el(
    "div",
    {},
    el(
      "p",
      {},
      "Each tile shows what the network detects in one region of this layer\u2019s activations, and " +
        "neighbours detect similar things. Zoom in, and the regions are cut finer. Point at a tile to " +
        `see ${classes ? "which classes it speaks for" : "what is known of it"}, and click to pin it.`,
    ),
    el(
      "p",
      {},
      classes
        ? "Choose a class, and the map shows where it is spoken for (blue) and against (orange); choose " +
            "a second, and it shows which of the two."
        : NO_CLASSES,
    ),
    keys,
  );
}
