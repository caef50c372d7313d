// Elements. Strings given as children become text, never markup: names come from data.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined>;

/** Make an element; an attribute that is false, null or undefined is left out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child): child is Node | string => Boolean(child)));
  return made;
}

let made = 0;

/** An id that no other element of the page has. */
export const uid = (name: string): string => `atlas-${name}-${++made}`;

const GLYPHS: Record<string, string> = {
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  whole: "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3",
  close: "M4 4l8 8M12 4l-8 8",
  list: "M6 4h7M6 8h7M6 12h7M3 4h.01M3 8h.01M3 12h.01",
  view: "M3 5h10M3 11h10M6 3.5v3M10 9.5v3",
  link: "M6.5 9.5l3-3M7.5 4.5l1-1a2.8 2.8 0 0 1 4 4l-1 1M8.5 11.5l-1 1a2.8 2.8 0 0 1-4-4l1-1",
  save: "M8 3v7M5 7.5L8 10.5l3-3M3 13h10",
  info: "M8 7.5v4M8 4.6v.01M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12z",
  help: "M6 6.2A2 2 0 1 1 8 8.3v.9M8 11.6v.01M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12z",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3L14 14",
  open: "M6 3.5H3.5v9h9V10M9 3h4v4M13 3L7.5 8.5",
  back: "M9.5 4L5.5 8l4 4",
  layers: "M8 2.5L14 6 8 9.5 2 6zM2.5 9.5L8 12.7l5.5-3.2",
};

/** A drawn sign, which says nothing to a screen reader. */
export function glyph(name: keyof typeof GLYPHS): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "glyph");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", GLYPHS[name]);
  svg.append(path);
  return svg;
}

/** A button with a sign, a name for everybody, and what it does. */
export function button(
  label: string,
  sign: keyof typeof GLYPHS | null,
  onClick: (event: MouseEvent) => void,
  attributes: Attributes = {},
): HTMLButtonElement {
  const made = sign
    ? el("button", { type: "button", class: "round", "aria-label": label, title: label, ...attributes }, glyph(sign))
    : el("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", onClick);
  return made;
}

/** A row of buttons of which one is chosen. */
export function segments<T>(
  label: string,
  options: readonly (readonly [T, string])[],
  chosen: () => T,
  choose: (value: T) => void,
): { element: HTMLElement; update(): void } {
  const element = el("div", { class: "segments", role: "group", "aria-label": label });
  const buttons = options.map(([value, text]) => button(text, null, () => choose(value)));
  element.append(...buttons);
  const update = (): void =>
    options.forEach(([value], i) =>
      buttons[i].setAttribute("aria-pressed", String(value === chosen())),
    );
  update();
  return { element, update };
}

/** A box to tick. */
export function tick(
  label: string,
  on: () => boolean,
  set: (on: boolean) => void,
): { element: HTMLElement; update(): void } {
  const box = el("input", { type: "checkbox" });
  box.addEventListener("change", () => set(box.checked));
  const update = (): void => void (box.checked = on());
  update();
  return { element: el("label", { class: "tick" }, box, label), update };
}
