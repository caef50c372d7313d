// The sheet: every unit of a layer as an icon, in groups.
import { whole } from "../app.ts";
import { el, uid } from "../dom.ts";
import type { App, Shown } from "./app.ts";
import { createFoot } from "./foot.ts";
import { type Group, groupsOf, ordersOf, remark } from "./order.ts";
import { unitHash } from "./permalink.ts";
import { icon } from "./sprites.ts";
import { refText } from "./store.ts";
import type { Layer, View } from "./types.ts";

export const countText = (count: number): string => `${whole(count)} ${count === 1 ? "unit" : "units"}`;

export function createSheet(app: App, view: Extract<View, { kind: "sheet" }>): Shown {
  const layer = app.store.layer(view.layer)!;
  const groups = groupsOf(layer, view.order);
  const head = el(
    "div",
    { class: "section-head" },
    el("div", { class: "titles" }, el("h1", { tabindex: "-1" }, layer.name), el("p", { class: "quiet" }, countText(layer.number.length))),
    chooseOrder(app, layer, view.order),
  );
  const sections = groups.map((group) => createGroup(app, layer, view.order, group));
  return { element: el("div", { class: "sheet" }, head, ...sections, createFoot(app, layer)), title: layer.name };
}

function chooseOrder(app: App, layer: Layer, chosen: string): HTMLElement | null {
  const orders = ordersOf(layer);
  if (orders.length < 2) return null;
  const id = uid("order");
  const select = el("select", { id }, ...orders.map(({ id: value, label }) => el("option", { value, selected: value === chosen }, label)));
  select.addEventListener("change", () => {
    app.go({ kind: "sheet", layer: layer.name, order: select.value }, true);
    app.root.querySelector("select")?.focus();
  });
  return el("div", { class: "choose" }, el("label", { for: id, class: "quiet" }, "Order by"), select);
}

function createGroup(app: App, layer: Layer, order: string, group: Group): HTMLElement {
  const id = uid("group");
  const heading = group.title
    ? el("div", { class: "group-head" }, el("h2", { id }, group.title), el("p", { class: "quiet" }, [countText(group.at.length), group.note].filter(Boolean).join(" \u00b7 ")))
    : null;
  const tiles = group.at.map((at) => el("li", {}, createTile(app, layer, order, at)));
  return el("section", { class: "group", ...(heading ? { "aria-labelledby": id } : { "aria-label": "Units" }) }, heading, el("ul", { class: "tiles" }, ...tiles));
}

function createTile(app: App, layer: Layer, order: string, at: number): HTMLElement {
  const ref = { layer: layer.name, unit: layer.number[at] };
  const name = layer.names[ref.unit] ?? "";
  const said = remark(layer, order, at);
  return el(
    "a",
    { class: "tile", href: unitHash(ref), title: [refText(ref), name].filter(Boolean).join(" \u00b7 "), "data-unit": ref.unit },
    icon(app, layer, at),
    el("span", { class: "under" }, el("b", {}, String(ref.unit)), said ? el("span", { class: "quiet" }, said) : null),
    name ? el("span", { class: "name" }, name) : null,
  );
}
