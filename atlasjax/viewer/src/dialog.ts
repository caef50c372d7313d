// Dialogs: what is read once and closed again, and what is told for a while.
import { button, el, uid } from "./dom.ts";

export function dialog(title: string, ...children: Node[]): HTMLDialogElement {
  const id = uid("dialog");
  const close = button("Close", "close", () => made.close());
  const made = el(
    "dialog",
    { class: "panel", "aria-labelledby": id },
    el("div", { class: "bar-top" }, el("h2", { id }, title), close),
    ...children,
  );
  made.addEventListener("click", (event) => event.target === made && made.close());
  made.addEventListener("keydown", (event) => event.stopPropagation()); // keys are not the page's
  return made;
}

/** How something was made, line by line and in full. */
export function recordOf(made: readonly [string, string][], record: unknown): HTMLElement {
  const facts = el("dl", { class: "record" });
  for (const [name, text] of made) {
    facts.append(el("dt", {}, name), el("dd", {}, name === "Command" ? el("code", {}, text) : text));
  }
  const whole = el("pre", { tabindex: "0" }, JSON.stringify(record, null, 2));
  return el("div", {}, facts, el("details", {}, el("summary", {}, "The whole record"), whole));
}

/** Keys and what they do. */
export function keyList(keys: readonly (readonly [string, string])[]): HTMLElement {
  const list = el("dl", { class: "record keys" });
  for (const [key, text] of keys) list.append(el("dt", {}, el("kbd", {}, key)), el("dd", {}, text));
  return list;
}

const SHOWN = 6000; // ms

/** A line that tells what happened, for a while. */
export function createToast(): { element: HTMLElement; say(text: string): void } {
  const element = el("div", { class: "panel toast", role: "status", hidden: true });
  let later = 0;
  return {
    element,
    say(text) {
      element.textContent = text;
      element.hidden = false;
      clearTimeout(later);
      later = window.setTimeout(() => (element.hidden = true), SHOWN);
    },
  };
}

/** Copy an address or a line, and say whether it could be done. */
export function copy(text: string, done: string, refused: string, say: (text: string) => void): void {
  const copied = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error());
  copied.then(() => say(done), () => say(refused));
}
