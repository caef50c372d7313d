// Icons: drawn from their sheets, once these have come.
import { once } from "../store.ts";
import { el } from "../dom.ts";
import type { Source } from "../types.ts";
import type { App } from "./app.ts";
import type { Kind } from "./types.ts";

const SHEET = 1024; // px; a sheet at most

type Drawn = Awaited<ReturnType<Source["image"]>>;

/** A source whose pictures are read and decoded once. */
export function remembering(source: Source): Source {
  const image = once((path: string) => source.image(path));
  return { ...source, image };
}

/** Where an icon is: its sheet's number, and its place there. */
export function iconPlace(at: number, size: number): { sheet: number; left: number; top: number } {
  const across = Math.floor(SHEET / size);
  const within = at % (across * across);
  return {
    sheet: Math.floor(at / (across * across)),
    left: (within % across) * size,
    top: Math.floor(within / across) * size,
  };
}

/** A canvas of a group's or a channel's icon; it says nothing to a screen reader. */
export function icon(app: App, layer: number, kind: Exclude<Kind, "position">, at: number): HTMLCanvasElement {
  const held = app.picture.layers[layer][kind === "group" ? "groups" : "channels"];
  const canvas = el("canvas", { width: held.icon, height: held.icon, class: "sight", "aria-hidden": "true" });
  const { sheet, left, top } = iconPlace(at, held.icon);
  const path = `sprites/${app.picture.meta.stem}/${layer}-${kind}s-${sheet}.webp`;
  void draw(app, canvas, path, (context, picture) => {
    context.drawImage(picture, left, top, held.icon, held.icon, 0, 0, held.icon, held.icon);
  });
  return canvas;
}

/** A canvas of a whole picture, as large as that is. */
export function whole(app: App, name: string): HTMLCanvasElement {
  const canvas = el("canvas", { width: 1, height: 1, "aria-hidden": "true" });
  void show(app, canvas, name);
  return canvas;
}

/** Draw a whole picture on a canvas, in place of what was there. */
export function show(app: App, canvas: HTMLCanvasElement, name: string): Promise<void> {
  canvas.dataset["shows"] = name;
  return draw(app, canvas, `sprites/${app.picture.meta.stem}/${name}.webp`, (context, picture) => {
    if (canvas.dataset["shows"] !== name) return; // something else was asked for meanwhile
    canvas.width = picture.width;
    canvas.height = picture.height;
    context.drawImage(picture, 0, 0);
  });
}

async function draw(
  app: App,
  canvas: HTMLCanvasElement,
  path: string,
  paint: (context: CanvasRenderingContext2D, picture: Drawn) => void,
): Promise<void> {
  try {
    paint(canvas.getContext("2d")!, await app.source.image(path));
  } catch {
    app.toast(`The file ${path} is missing or damaged. Keep the whole folder together.`);
  }
}
