// The head: the layers, the search of units, and the tools.
import { createCombobox } from "../combobox.ts";
import { keyList } from "../dialog.ts";
import { el } from "../dom.ts";
import { createToolbar } from "../toolbar.ts";
import type { App } from "./app.ts";
import { sheetOf, writeHash } from "./permalink.ts";
import { familiesOf, refText, type Store } from "./store.ts";
import type { Ref } from "./types.ts";

const KEYS = [
  [", and .", "the unit before, the unit after"],
  ["[ and ]", "the layer before, the layer after"],
  ["C", "the circuit of the unit, and back"],
  ["1 to 3", "how many steps back a circuit goes"],
  ["Escape", "from a circuit to its unit, from a unit to its layer"],
  ["/", "find a unit"],
  ["?", "this help"],
] as const;

export interface Head {
  element: HTMLElement;
  dialogs: HTMLDialogElement[];
  help(): void;
  search(): void;
}

export function createHead(app: App): Head {
  const { element: tools, help } = createToolbar(app, helpText());
  const search = createSearch(app);
  return {
    element: el("header", { class: "top" }, createTabs(app), search.element, tools),
    dialogs: [help],
    help: () => help.showModal(),
    search: () => search.input.focus(),
  };
}

function createTabs(app: App): HTMLElement {
  const tabs = app.store.index.layers.map((layer) => {
    const tab = el("a", { class: "tab", href: writeHash(sheetOf(app.store, layer.name), app.store) });
    tab.append(el("span", { class: "name" }, layer.name), el("span", { class: "number" }, String(layer.number.length)));
    return tab;
  });
  const update = (): void =>
    app.store.index.layers.forEach(({ name }, i) => {
      const here = name === app.view.layer;
      if (here) tabs[i].setAttribute("aria-current", app.view.kind === "sheet" ? "page" : "true");
      else tabs[i].removeAttribute("aria-current");
      if (here) tabs[i].scrollIntoView({ block: "nearest", inline: "nearest" });
    });
  app.on("view", update);
  return el("nav", { class: "tabs", "aria-label": "Layers" }, ...tabs);
}

/** Every unit, and by what it is found: number, name, families, classes. */
export function findable(store: Store): { refs: Ref[]; names: string[]; full: string[] } {
  const { layers, short_names: classes } = store.index;
  const found = layers.flatMap((layer) =>
    layer.number.map((unit, at) => {
      const ref = { layer: layer.name, unit };
      const more = [layer.names[unit] ?? "", ...familiesOf(layer, unit), ...(layer.known?.[at] ?? []).map((cls) => classes[cls])].filter(Boolean);
      return { ref, name: [refText(ref), String(unit), ...more].join(", "), full: [refText(ref), ...more].join(" \u00b7 ") };
    }),
  );
  return { refs: found.map(({ ref }) => ref), names: found.map(({ name }) => name), full: found.map(({ full }) => full) };
}

function createSearch(app: App): { element: HTMLElement; input: HTMLInputElement } {
  const { refs, names, full } = findable(app.store);
  const { input, parts } = createCombobox({
    names,
    wnids: [],
    full: (at) => full[at],
    what: { one: "unit", all: "Units" },
    choose(at) {
      input.blur();
      app.go({ kind: "unit", ...refs[at] });
    },
  });
  input.placeholder = "Find a unit";
  input.setAttribute("aria-label", "Find a unit by number, name, family or class");
  return { element: el("div", { class: "search", role: "search" }, ...parts), input };
}

function helpText(): HTMLElement {
  return el(
    "div",
    {},
    el("p", {}, "Every layer is a sheet of its units, each drawn as what it looks for. A unit\u2019s page shows the parts of images in which it is strongest, its values, what it answers to drawn stimuli, and its strongest weights: blue excites, orange inhibits."),
    el("p", {}, "Values are those before the rectifier, which lets only those above 0 pass. An edge is idle where cutting it was tried and changed nothing."),
    keyList(KEYS),
  );
}
