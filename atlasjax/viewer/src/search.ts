// The search: any class of the network, one to shade the map by, and one to compare it with.
import type { App } from "./app.ts";
import { createCombobox } from "./combobox.ts";
import { button, el } from "./dom.ts";
import { fullName } from "./labels.ts";

export function drawSearch(app: App): HTMLElement {
  const { index } = app.store;
  const chips = el("div", { class: "chips" });
  const { input, parts, close } = createCombobox({
    names: index.class_names,
    wnids: index.wnids,
    full: (cls) => fullName(index, cls),
    choose(cls) {
      if (app.state.classA === null || cls === app.state.classA) app.set({ classA: cls });
      else app.set({ classB: cls });
      app.speak(`The map is shaded by ${fullName(index, cls)}`);
    },
  });

  function chip(cls: number, which: "a" | "b"): HTMLElement {
    const remove = button(`Remove ${fullName(index, cls)}`, "close", () => {
      const { classB } = app.state;
      app.set(which === "a" ? { classA: classB, classB: null } : { classB: null });
      input.focus({ preventScroll: true });
      close();
    });
    const name = el("span", { class: "name", title: fullName(index, cls) }, fullName(index, cls));
    return el("span", { class: `chip ${which}` }, el("i", { "aria-hidden": "true" }), name, remove);
  }

  function update(): void {
    const { classA, classB } = app.state;
    const made = [];
    if (classA !== null) made.push(chip(classA, "a"));
    if (classB !== null) made.push(chip(classB, "b"));
    chips.replaceChildren(...made);
    chips.hidden = !made.length;
    const label = classA === null ? "Find a class" : classB === null ? "Compare with a class" : "Another class instead";
    input.placeholder = label;
    input.setAttribute("aria-label", label);
  }
  app.on("state", update);
  update();
  return el("div", { class: "search", role: "search" }, chips, ...parts);
}
