// The images, where there are several, to switch between.
import { button, el } from "../dom.ts";
import type { App } from "./app.ts";

export function createThumbs(app: App): HTMLElement | null {
  const { pictures } = app.store.index;
  if (pictures.length < 2) return null;
  const made = pictures.map((meta, number) => {
    const chosen = number === app.state.picture;
    const thumb = button("", null, () => app.set({ picture: number }), { class: "thumb", "aria-label": meta.name, title: meta.name, "aria-pressed": String(chosen) });
    const canvas = el("canvas", { width: 96, height: 96, "aria-hidden": "true" });
    app.source
      .image(`sprites/${meta.stem}/image.webp`)
      .then((picture) => {
        const side = Math.min(picture.width, picture.height);
        const context = canvas.getContext("2d")!;
        context.imageSmoothingQuality = "high";
        context.drawImage(picture, (picture.width - side) / 2, (picture.height - side) / 2, side, side, 0, 0, 96, 96);
      })
      .catch(() => undefined); // it is told of when it is chosen
    thumb.append(canvas);
    return thumb;
  });
  return el("div", { class: "thumbs", role: "group", "aria-label": "Images" }, ...made);
}
