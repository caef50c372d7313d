// The permalink: what is shown as the part of an address after its #, and back.
//
//   #mixed3b?order=branch   #mixed3b:379   #circuit/mixed3b:379?depth=2
import { ordersOf } from "./order.ts";
import { refText, type Store } from "./store.ts";
import type { Ref, View } from "./types.ts";

export const DEPTHS = [1, 2, 3] as const;
export const MOST = [3, 6, 10] as const;
export const USUAL = { depth: 1, most: 6 }; // as graph.py has it

const CIRCUIT = "circuit/";

const encoded = (text: string): string =>
  encodeURIComponent(text).replaceAll("%2F", "/").replaceAll("%3A", ":");

export function writeHash(view: View, store: Store): string {
  const said = new URLSearchParams();
  if (view.kind === "sheet") {
    const usual = ordersOf(store.layer(view.layer)!)[0].id;
    if (view.order !== usual) said.set("order", view.order);
  } else if (view.kind === "circuit") {
    said.set("depth", String(view.depth));
    if (view.most !== USUAL.most) said.set("most", String(view.most));
  }
  const where = view.kind === "sheet" ? view.layer : refText(view);
  const asked = said.toString();
  return `#${view.kind === "circuit" ? CIRCUIT : ""}${encoded(where)}${asked ? `?${asked}` : ""}`;
}

export const unitHash = (ref: Ref): string => `#${encoded(refText(ref))}`;

/** Read what is to be shown; what the site does not have is the first layer. */
export function readHash(hash: string, store: Store): View {
  const [where, asked] = parted(hash.replace(/^#/, ""), "?");
  const said = new URLSearchParams(asked);
  const place = decoded(where);
  const ref = readRef(place, store);
  if (ref) return { kind: "unit", ...ref };
  const root = place.startsWith(CIRCUIT) && readRef(place.slice(CIRCUIT.length), store);
  if (root) {
    const depth = DEPTHS.find((one) => String(one) === said.get("depth")) ?? USUAL.depth;
    const most = MOST.find((one) => String(one) === said.get("most")) ?? USUAL.most;
    return { kind: "circuit", ...root, depth, most };
  }
  return sheetOf(store, store.layer(place) ? place : store.index.layers[0].name, said.get("order"));
}

export function sheetOf(store: Store, layer: string, order: string | null = null): View {
  const orders = ordersOf(store.layer(layer)!).map(({ id }) => id);
  return { kind: "sheet", layer, order: orders.find((id) => id === order) ?? orders[0] };
}

function readRef(text: string, store: Store): Ref | null {
  const colon = text.lastIndexOf(":");
  const number = text.slice(colon + 1);
  if (colon < 0 || !/^\d{1,7}$/.test(number)) return null;
  const ref = { layer: text.slice(0, colon), unit: Number(number) };
  return store.at(ref) >= 0 ? ref : null;
}

function parted(text: string, sign: string): [string, string] {
  const at = text.indexOf(sign);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand
  }
}
