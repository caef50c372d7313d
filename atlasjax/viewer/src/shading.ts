// Shading, as the app sees it: the effects of the chosen classes, and the overlay they make.
import type { App } from "./app.ts";
import { overlay, type Overlay, type Palette, shadeOne, shadeTwo, type Shade } from "./shade.ts";
import type { Column, LevelMeta } from "./types.ts";

export interface Shading {
  /** The overlay of a level; null where no class is chosen or its effects have not come. */
  overlay(meta: LevelMeta): Overlay | null;
  /** The effects on the chosen classes in a level, those that have come. */
  columns(meta: LevelMeta): (Column | undefined)[];
  /** The shade of effects on the chosen classes. */
  shade(values: number[], columns: Column[]): Shade;
}

const KEPT = 12;

export function createShading(app: App): Shading {
  const overlays = new Map<string, { palette: Palette; made: Overlay }>();
  const columns = new Map<string, Column>();
  const asked = new Set<string>();

  const chosen = (): number[] =>
    [app.state.classA, app.state.classB].filter((cls): cls is number => cls !== null);

  function column(meta: LevelMeta, cls: number): Column | undefined {
    const key = `${meta.name} ${cls}`;
    const found = columns.get(key);
    if (found || asked.has(key)) return found;
    asked.add(key);
    app.store
      .column(meta, cls)
      .then((got) => {
        if (columns.size > 64) columns.clear();
        columns.set(key, got);
        asked.delete(key);
        app.emit("shade");
      })
      .catch(() => {
        app.missing.add(`data/${meta.name}-${Math.floor(cls / meta.chunk)}.js`);
        app.emit("missing");
      });
    return undefined;
  }

  function shade(values: number[], of: Column[]): Shade {
    return of.length === 2
      ? shadeTwo(values[0], values[1], of[0], of[1], app.state.sign)
      : shadeOne(values[0], of[0], app.state.sign);
  }

  return {
    columns: (meta) => chosen().map((cls) => column(meta, cls)),
    shade,
    overlay(meta) {
      const classes = chosen();
      const cells = app.store.ready(meta);
      if (!classes.length || !cells) return null;
      const found = classes.map((cls) => column(meta, cls));
      if (found.some((one) => !one)) return null;
      const of = found as Column[];
      const palette = app.palette();
      const key = [meta.name, ...classes, app.state.sign].join(" ");
      const kept = overlays.get(key);
      if (kept?.palette === palette) return kept.made;
      const made = overlay(
        meta.grid,
        cells.x,
        cells.y,
        (i) => shade(of.map((one) => one.values[i]), of),
        palette,
      );
      if (overlays.size >= KEPT) overlays.delete(overlays.keys().next().value!);
      overlays.set(key, { palette, made });
      return made;
    },
  };
}
