// Drawn signs: elements of SVG.
export const SPACE = "http://www.w3.org/2000/svg";

type Child = Node | string | null;

export function draw<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number | null> = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null) made.setAttribute(name, typeof value === "number" ? String(Number(value.toFixed(2))) : value);
  }
  made.append(...children.filter((child): child is Node | string => child !== null));
  return made;
}
