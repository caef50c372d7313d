// The combobox: any class of the network, or whatever else has names, by parts of these.
import { el, glyph, uid } from "./dom.ts";

const LISTED = 80;

/** Classes that a text may mean, the most likely first. */
export function matches(text: string, names: readonly string[], wnids: readonly string[]): number[] {
  const asked = text.trim().toLowerCase();
  if (!asked) return names.map((_, cls) => cls);
  const ranked: [number, number][] = [];
  names.forEach((name, cls) => {
    const lower = name.toLowerCase();
    const words = ` ${lower.replace(/[^\p{L}\p{N}]+/gu, " ")} `;
    const tests = [
      lower.split(",").some((part) => part.trim() === asked), // one of its names
      words.includes(` ${asked} `), // a whole word
      lower.startsWith(asked),
      words.includes(` ${asked}`),
      lower.includes(asked),
      wnids[cls] === asked || String(cls) === asked,
    ];
    const rank = tests.indexOf(true);
    if (rank >= 0) ranked.push([rank, cls]);
  });
  return ranked.sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, cls]) => cls);
}

export interface Choices {
  names: readonly string[];
  wnids: readonly string[];
  /** What a class is called in the list. */
  full(cls: number): string;
  choose(cls: number): void;
  /** What one is called, and what all are; classes by default. */
  what?: { one: string; all: string };
}

export interface Combobox {
  input: HTMLInputElement;
  /** The field with its sign, and what drops down from it. */
  parts: HTMLElement[];
  close(): void;
}

export function createCombobox({ names, wnids, full, choose: chosen, what = { one: "class", all: "Classes" } }: Choices): Combobox {
  const listId = uid("classes");
  const input = el("input", {
    type: "search",
    role: "combobox",
    "aria-expanded": "false",
    "aria-controls": listId,
    "aria-autocomplete": "list",
    autocomplete: "off",
    spellcheck: "false",
    class: "query",
  });
  const list = el("ul", { id: listId, role: "listbox", "aria-label": what.all, class: "options", hidden: true });
  const more = el("p", { class: "quiet more", hidden: true });
  let found: number[] = [];
  let active = -1;

  const open = (): boolean => !list.hidden;

  function close(): void {
    list.hidden = more.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function show(): void {
    found = matches(input.value, names, wnids);
    const options = found.slice(0, LISTED).map((cls) => {
      const option = el("li", { role: "option", id: uid("class"), "aria-selected": "false" }, full(cls));
      option.addEventListener("pointerdown", (event) => event.preventDefault()); // keeps the focus
      option.addEventListener("click", () => choose(cls));
      return option;
    });
    list.replaceChildren(...options);
    list.hidden = !options.length;
    more.hidden = found.length > 0 && found.length <= LISTED;
    more.textContent = found.length
      ? `and ${found.length - LISTED} more: type to narrow them down`
      : `no ${what.one} of ${names.length} has \u201c${input.value}\u201d in its name`;
    input.setAttribute("aria-expanded", String(options.length > 0));
    mark(input.value.trim() && options.length ? 0 : -1);
  }

  function mark(next: number): void {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = next;
    const option = list.children[active];
    if (!option) return input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    input.setAttribute("aria-activedescendant", option.id);
    const [top, bottom] = [(option as HTMLElement).offsetTop, list.scrollTop + list.clientHeight];
    const height = (option as HTMLElement).offsetHeight;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + height > bottom) list.scrollTop = top + height - list.clientHeight;
  }

  function choose(cls: number): void {
    input.value = "";
    close();
    chosen(cls);
  }

  input.addEventListener("input", show);
  input.addEventListener("focus", show);
  input.addEventListener("click", () => !open() && show());
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const count = list.children.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!open()) show();
      else mark((active + (event.key === "ArrowDown" ? 1 : -1) + count) % count);
    } else if (event.key === "Enter" && open() && active >= 0) {
      choose(found[active]);
    } else if (event.key === "Escape" && (open() || input.value)) {
      input.value = "";
      close();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });

  const field = el("div", { class: "field" }, glyph("search"), input, el("kbd", { "aria-hidden": "true" }, "/"));
  return { input, parts: [field, el("div", { class: "drop" }, list, more)], close };
}
