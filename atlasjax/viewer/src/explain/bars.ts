// Bars of effects on targets: which rows there are of a group or a channel.
import type { Row } from "../bars.ts";
import { type App, className, shortTarget } from "./app.ts";
import type { Directions } from "./types.ts";

/** What a group or channel does to the class that is searched for, and to every target. */
export function rowsOf(app: App, held: Directions, at: number): Row[] {
  const { target, cls } = app.state;
  const rows = [...held.effect[at]].map((value, i) => ({
    name: shortTarget(app, i),
    value,
    chosen: cls === null && i === target,
  }));
  if (cls !== null && held.classes) {
    rows.unshift({ name: className(app, cls), value: held.classes[at][cls], chosen: true });
  }
  return rows;
}

/** The row of what is chosen alone. */
export const chosenRow = (app: App, held: Directions, at: number): Row => rowsOf(app, held, at).find((row) => row.chosen)!;
