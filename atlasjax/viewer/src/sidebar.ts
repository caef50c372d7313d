// The side bar: which atlas this is, its layers, and the other maps of the run.
import { type App, hasClasses, NO_CLASSES, whole } from "./app.ts";
import { button, el } from "./dom.ts";
import { shortNames } from "./labels.ts";
import { overviewPath } from "./paint.ts";
import { drawSearch } from "./search.ts";

const KINDS = { atlas: "Activation atlas", class: "Class atlas", comparison: "Class comparison" };

export function kindText(app: App): string {
  const { kind, classes } = app.store.index;
  const of = classes.map((cls) => shortNames(app.store.index)[cls]);
  return of.length ? `${KINDS[kind]}: ${of.join(" and ")}` : KINDS[kind];
}

export function createSidebar(app: App): HTMLElement {
  const { index } = app.store;
  const layers = el("div", { class: "layers", role: "group", "aria-label": "Layers" });
  const rows = app.store.layers.map((layer) => layerRow(app, layer));
  layers.append(...rows.map((row) => row.element));
  const caption = el("p", { class: "quiet caption" });

  function update(): void {
    rows.forEach((row) => row.update());
    const { level } = app;
    const cells = whole(level.cells) + (level.cells === 1 ? " cell" : " cells");
    caption.textContent =
      `${level.layer}, ${level.grid} \u00d7 ${level.grid}: ${cells}, ` +
      `${whole(level.activations)} activations`;
  }
  app.on("level", update);
  app.on("state", update);

  const body = el(
    "div",
    { class: "body" },
    el("h2", {}, "Layer"),
    layers,
    caption,
    otherMaps(app),
  );
  const fold = button("Layers", "layers", () => {
    const open = side.classList.toggle("open");
    fold.setAttribute("aria-expanded", String(open));
  }, { "aria-expanded": "false" });
  fold.classList.add("fold");
  const head = el(
    "div",
    { class: "head" },
    el("div", { class: "names" }, el("h1", {}, index.name), el("p", { class: "quiet kind" }, kindText(app))),
    fold,
  );
  const search = hasClasses(app) ? drawSearch(app) : el("p", { class: "quiet caption" }, NO_CLASSES);
  const side = el("header", { class: "panel side" }, head, search, body);
  app.on("state", () => {
    side.classList.remove("open");
    fold.setAttribute("aria-expanded", "false");
  });
  update();
  return side;
}

/** A layer's button, with a picture of its coarsest level that is not too coarse to be looked at. */
function layerRow(app: App, layer: string): { element: HTMLElement; update(): void } {
  const levels = app.store.levelsOf(layer);
  const meta = levels.find((level) => level.grid >= 8) ?? levels[0];
  const thumb = el("canvas", { class: "thumb", width: 88, height: 88, "aria-hidden": "true" });
  const element = button(layer, null, () => app.set({ layer, pin: keepPin(app) }));
  element.className = "layer";
  element.replaceChildren(thumb, el("span", { class: "name" }, layer));
  element.title = layer;
  app.tiles
    .load(overviewPath(meta))
    .then((picture) => {
      const context = thumb.getContext("2d")!;
      context.imageSmoothingQuality = "high";
      context.drawImage(picture, 0, 0, thumb.width, thumb.height);
    })
    .catch(() => undefined); // the map tells of what is missing
  return {
    element,
    update: () => element.setAttribute("aria-pressed", String(app.state.layer === layer)),
  };
}

/** A place means the same in another layer only where layers are aligned. */
const keepPin = (app: App) => (app.store.index.aligned ? app.state.pin : null);

function otherMaps(app: App): HTMLElement | null {
  const { related, report } = app.store.index;
  const safe = related.filter(([, href]) => !/^[a-z][a-z0-9+.-]*:|^[/\\]/i.test(href));
  const links = safe.map(([title, href]) => el("li", {}, link(app, title, href)));
  if (report) links.unshift(el("li", {}, link(app, "How faithful is this map?", report)));
  if (!links.length) return null;
  return el("nav", { "aria-label": "Other maps" }, el("h2", {}, "More of this run"), el("ul", { class: "links" }, ...links));
}

function link(app: App, title: string, path: string): HTMLElement {
  const address = app.source.link(path);
  return address === null
    ? el("span", { class: "quiet" }, title)
    : el("a", { href: address }, title);
}

