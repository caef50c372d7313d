// The list: the cells that the window shows, for whoever cannot or would not look at a map.
import { address, type App, digitsFor, signed, strongest, whole } from "./app.ts";
import { button, el } from "./dom.ts";
import { visible } from "./geometry.ts";
import { drawIcon } from "./icons.ts";
import type { MapView } from "./map.ts";
import type { Shading } from "./shading.ts";
import type { Cells } from "./types.ts";

const LISTED = 100;

export interface CellList {
  element: HTMLElement;
  toggle(): boolean;
}

export function createList(app: App, map: MapView, shading: Shading, closed: () => void): CellList {
  const title = el("h2", {}, "Cells in view");
  const note = el("p", { class: "quiet" });
  const rows = el("ul", { class: "rows" });
  const close = button("Close the list", "close", () => list.toggle());
  const element = el(
    "section",
    { class: "panel list", "aria-label": "Cells in view", hidden: true },
    el("div", { class: "bar-top" }, title, close),
    note,
    rows,
  );
  let later = 0;

  function seen(cells: Cells): number[] {
    const { grid } = app.level;
    const { view, free } = map;
    const [left, right] = visible(view.x - free.left, view.k, grid, free.width);
    const [top, bottom] = visible(view.y - free.top, view.k, grid, free.height);
    const found = [];
    for (let i = 0; i < cells.cells; i++) {
      const [x, y] = [cells.x[i], cells.y[i]];
      if (x >= left && x <= right && y >= top && y <= bottom) found.push(i);
    }
    return found;
  }

  function update(): void {
    const cells = app.cells();
    if (element.hidden || !cells) return;
    const column = app.state.classA === null ? undefined : shading.columns(app.level)[0];
    const sign = app.state.sign === "against" ? -1 : 1;
    const worth = (i: number): number => (column ? sign * column.values[i] : cells.count[i]);
    const found = seen(cells).sort((a, b) => worth(b) - worth(a));
    const by = column ? "those that matter most to the class first" : "the fullest first";
    const more = found.length > LISTED ? `; the first ${LISTED} are listed` : "";
    note.textContent = `${whole(found.length)} of ${whole(cells.cells)}, ${by}${more}`;
    rows.replaceChildren(...found.slice(0, LISTED).map((i) => row(cells, i, column?.values[i])));
  }

  function row(cells: Cells, i: number, effect: number | undefined): HTMLElement {
    const icon = el("canvas", { width: 64, height: 64, "aria-hidden": "true" });
    const [where, held] = [address(cells, i), `${whole(cells.count[i])} activations`];
    const top = effect === undefined ? strongest(app, cells, i) : signed(effect, digitsFor(cells.largestEffect));
    const said = top === null ? [where, held] : [top, `${where} \u00b7 ${held}`];
    const made = button("", null, () => {
      const pin = { grid: app.level.grid, x: cells.x[i], y: cells.y[i] };
      app.set({ pin });
      map.reveal((pin.x + 0.5) / pin.grid, (pin.y + 0.5) / pin.grid);
    });
    made.append(
      icon,
      el("span", { class: "what" }, el("b", {}, said[0]), el("span", { class: "quiet" }, said[1])),
    );
    made.setAttribute("aria-pressed", String(app.pinned() === i));
    drawIcon(app, icon, app.level, cells.x[i], cells.y[i], 50);
    return el("li", {}, made);
  }

  function soon(): void {
    clearTimeout(later);
    later = window.setTimeout(update, 120);
  }
  for (const name of ["view", "level", "shade", "state"] as const) app.on(name, soon);

  const list: CellList = {
    element,
    toggle() {
      element.hidden = !element.hidden;
      if (element.hidden) closed();
      else {
        update();
        close.focus({ preventScroll: true });
      }
      return !element.hidden;
    },
  };
  return list;
}
