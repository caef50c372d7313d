// The head: which image, which targets, any other class, and the tools.
import { digitsFor, signed } from "../app.ts";
import { createCombobox } from "../combobox.ts";
import { keyList } from "../dialog.ts";
import { button, el, glyph } from "../dom.ts";
import { createToolbar } from "../toolbar.ts";
import { type App, className, fullTarget, shortClass, shortTarget, targetOf } from "./app.ts";

const KEYS = [
  ["arrows", "walk over the positions of the chosen layer"],
  ["Enter", "let what is looked at stay lit, or not"],
  ["Escape", "look away, close what is open"],
  ["1 to 9", "the targets"],
  ["M", "the next saliency method; Shift: the one before"],
  ["G", "the next group; Shift: the one before"],
  ["[ and ]", "the layer before, the layer after"],
  ["O", "what lies over the image: colours, strongest pixels, nothing"],
  ["+ and \u2212", "more or less of it"],
  ["V", "the image, or as the layer sees it"],
  [", and .", "the image before, the image after"],
  ["/", "find a class"],
  ["?", "this help"],
] as const;

export interface Head {
  element: HTMLElement;
  dialogs: HTMLDialogElement[];
  help(): void;
  search(): void;
}

export function createHead(app: App): Head {
  const { index } = app.store;
  const { meta } = app.picture;
  const { element: tools, help } = createToolbar(app, helpText(app));
  const search = index.class_names.length ? createSearch(app) : null;
  const said = answerText(app);
  const names = el(
    "div",
    { class: "names" },
    el("h1", {}, meta.name),
    said ? el("p", { class: "quiet kind", title: said }, said) : null,
  );
  return {
    element: el("header", { class: "top" }, backLink(app), names, createTabs(app), search?.element ?? null, tools),
    dialogs: [help],
    help: () => help.showModal(),
    search: () => search?.input.focus(),
  };
}

/** The way back to the page of the run that the image is of. */
function backLink(app: App): HTMLElement | null {
  const [name, path] = app.store.index.run ?? [];
  const address = path === undefined ? null : app.source.link(path);
  if (!name || address === null) return null;
  const title = `The atlas of ${name}`;
  return el("a", { class: "back", href: address, title, "aria-label": title }, glyph("back"), el("span", {}, name));
}

/** What the image is of and what the network says, as far as these are known. */
function answerText(app: App): string {
  const { class_names: names } = app.store.index;
  const { output, meta } = app.picture;
  const short = (cls: number): string => shortClass(app, cls);
  const label = meta.label !== null && meta.label in names ? meta.label : null;
  if (!names.length || names.length !== output.length) return label === null ? "" : `of ${short(label)}`;
  const first = output.reduce((best, value, cls) => (value > output[best] ? cls : best), 0);
  const answer = `answer: ${short(first)}`;
  return label === null ? answer : label === first ? `${answer}, right` : `${answer}; it is ${short(label)}`;
}

/** The targets, each with its value. */
function createTabs(app: App): HTMLElement {
  const { value } = app.picture;
  const digits = Math.min(2, digitsFor(value.reduce((most, v) => Math.max(most, Math.abs(v)), 0)));
  const tabs = app.store.index.targets.map((_, target) => {
    const tab = button("", null, () => app.set({ target, cls: null }), { class: "tab", title: fullTarget(app, target) });
    tab.append(el("span", { class: "name" }, shortTarget(app, target)), el("span", { class: "number" }, signed(value[target], digits)));
    return tab;
  });
  const update = (): void =>
    tabs.forEach((tab, i) => tab.setAttribute("aria-pressed", String(i === app.state.target)));
  app.on("state", update);
  update();
  return el("div", { class: "tabs", role: "group", "aria-label": "Targets" }, ...tabs);
}

function createSearch(app: App): { element: HTMLElement; input: HTMLInputElement } {
  const chips = el("div", { class: "chips" });
  const { input, parts } = createCombobox({
    names: app.store.index.class_names,
    wnids: [],
    full: (cls) => className(app, cls),
    choose(cls) {
      const target = targetOf(app, cls);
      app.set(target >= 0 ? { target, cls: null } : { cls });
      app.speak(`Bars show ${className(app, cls)}`);
    },
  });
  input.placeholder = "Find a class";
  input.setAttribute("aria-label", "Find a class");

  function update(): void {
    const { cls } = app.state;
    chips.hidden = cls === null;
    if (cls === null) return chips.replaceChildren();
    const name = className(app, cls);
    const remove = button(`Remove ${name}`, "close", () => app.set({ cls: null }));
    chips.replaceChildren(el("span", { class: "chip" }, el("span", { class: "name", title: name }, name), remove));
  }
  app.on("state", update);
  update();
  return { element: el("div", { class: "search", role: "search" }, ...parts, chips), input };
}

function helpText(app: App): HTMLElement {
  const classes = app.store.index.class_names.length > 0;
  return el(
    "div",
    {},
    el(
      "p",
      {},
      "The image is at the left; at the right is what the network saw in it, layer by layer, and what that did to " +
        "the target that is chosen above. Blue speaks for it, orange against. Point at a place, a group or a channel, " +
        "and it lights up wherever it is; click to let it stay.",
    ),
    classes
      ? el("p", {}, "Any class can be searched for: bars then show it too. Positions and maps are only known for the targets.")
      : el("p", {}, "This network has no classes: the targets are units of it."),
    keyList(KEYS.filter(([key]) => classes || key !== "/")),
  );
}
