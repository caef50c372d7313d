// The methods in a row, each with what is known of how far it can be trusted.
import { el } from "../dom.ts";
import { type App, ROOM, shortTarget } from "./app.ts";
import { whole } from "./icons.ts";
import { heat, put, reveal } from "./pixels.ts";
import type { Method } from "./types.ts";
import { type Check, CHECKS, KNOWN, knownChecks, warnings } from "./words.ts";

const LATER = 60; // ms; a slider that is being moved need not repaint all of them

export function createMethods(app: App): HTMLElement | null {
  const { methods } = app.picture;
  if (!methods.length) return null;
  const lead = el("p", { class: "quiet note" });
  const known = knownChecks(methods);
  const cards = methods.map((method, i) => createCard(app, method, i, known));
  function update(): void {
    const name = shortTarget(app, app.state.target);
    lead.textContent =
      `What matters for ${name}, as each method has it: blue speaks for it, orange against; ` +
      "methods without signs have blue alone. Choose one to lay it over the image.";
    cards.forEach((card) => card.update());
  }
  let later = 0;
  app.on("state", () => {
    clearTimeout(later);
    later = window.setTimeout(update, LATER);
  });
  app.on("maps", update);
  update();
  const about = known.map((i) => CHECKS[i]).map(({ name, sign, good, about: what }) =>
    el("div", {}, el("dt", {}, `${name} ${sign}`), el("dd", {}, el("b", {}, good), `: ${what}`)));
  return el(
    "section",
    { class: "methods", "aria-label": "Saliency methods" },
    el("h2", {}, "Which pixels, by every method"),
    lead,
    el("ul", { class: "row" }, ...cards.map((card) => el("li", {}, card.element))),
    known.length > 0 && el(
      "div",
      { class: "about quiet" },
      el("h3", {}, "How far to trust them"),
      el("dl", {}, ...about),
      ...KNOWN.filter(({ of }) => of.some((i) => known.includes(i))).map(({ text }) => el("p", {}, text)),
    ),
  );
}

function createCard(app: App, method: Method, number: number, known: readonly number[]): { element: HTMLElement; update(): void } {
  const { meta } = app.picture;
  const base = whole(app, "image");
  const over = el("canvas", { class: "over", "aria-hidden": "true" });
  const thumb = el("span", { class: "where" }, base, over);
  thumb.style.aspectRatio = `${meta.width} / ${meta.height}`;
  const choose = el("button", { type: "button", class: "method" }, thumb, el("span", { class: "title" }, method.title));
  choose.addEventListener("click", () => app.set({ method: number, ...(app.state.overlay === "none" ? { overlay: "colour", amount: 0.75 } : {}) }));
  const facts = el("dl", { class: "checks" });
  const warned = el("p", { class: "warned" });
  const note = method.note ? el("p", { class: "quiet" }, method.note) : null;
  let shown = "";

  function update(): void {
    const { target, overlay, amount } = app.state;
    choose.setAttribute("aria-pressed", String(app.state.method === number));
    const values = app.maps?.[number]?.values;
    const revealed = overlay === "reveal";
    const key = [target, Boolean(values), revealed && amount].join();
    if (key === shown) return;
    shown = key;
    put(over, values ? (revealed ? reveal(values, amount, ROOM.ground) : heat(values, 1, ROOM)) : null, meta.width, meta.height);
    thumb.classList.toggle("faded", !revealed);
    const checks = method.checks[target];
    facts.replaceChildren(...known.map((i) => fact(CHECKS[i], checks[i])));
    const found = warnings(checks);
    warned.textContent = found.join("; ");
    warned.hidden = !found.length;
  }
  return { element: el("div", { class: "method-card" }, choose, facts, warned, note), update };
}

function fact(check: Check, value: number | null): HTMLElement {
  const sign = el("span", { "aria-hidden": "true" }, ` ${check.sign}`);
  return el(
    "div",
    { title: `${check.name}: ${check.about}` },
    el("dt", {}, check.name, sign),
    el("dd", { class: value === null ? "quiet" : null }, value === null ? "none" : check.text(value)),
  );
}
