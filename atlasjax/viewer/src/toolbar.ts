// The toolbar of a page without a map: a link to what is seen, and the help with the choice of a theme.
import { copy, dialog } from "./dialog.ts";
import { button, el, segments } from "./dom.ts";
import type { Theme } from "./theme.ts";

interface Themed {
  theme: Theme;
  setTheme(theme: Theme): void;
  toast(text: string): void;
  on(what: "theme", heard: () => void): void;
}

export interface Toolbar {
  element: HTMLElement;
  help: HTMLDialogElement;
}

export function createToolbar(app: Themed, helpText: HTMLElement): Toolbar {
  const help = dialog("How to read it", helpText);
  const theme = segments<Theme>(
    "Theme",
    [["system", "System"], ["dark", "Dark"], ["light", "Light"]],
    () => app.theme,
    (chosen) => app.setTheme(chosen),
  );
  app.on("theme", theme.update);
  help.append(el("h3", {}, "Theme"), theme.element);
  const element = el(
    "div",
    { class: "tools", role: "toolbar", "aria-label": "Tools" },
    button("Copy a link to this view", "link", () =>
      copy(location.href, "The link is copied", "The browser did not allow copying: the link is in the address bar", app.toast)),
    button("Help", "help", () => help.showModal()),
  );
  return { element, help };
}
