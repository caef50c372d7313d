// The methods in a row, each with what is known of how far it can be trusted.
import { el } from "../dom.ts";
import { type App, shortTarget } from "./app.ts";
import { whole } from "./icons.ts";
import { heat, put, reveal } from "./pixels.ts";
import type { Method } from "./types.ts";
import { ABOUT_CHECKS, CHECKS, warnings } from "./words.ts";

export function createMethods(app: App): HTMLElement | null {
  const { methods } = app.picture;
  if (!methods.length) return null;
  const lead = el("p", { class: "quiet note" });
  const cards = methods.map((method, i) => createCard(app, method, i));
  function update(): void {
    lead.textContent = `What each method says speaks for ${shortTarget(app, app.state.target)}. Choose one to lay it over the image.`;
    cards.forEach((card) => card.update());
  }
  for (const name of ["state", "maps", "theme"] as const) app.on(name, update);
  update();
  const about = ABOUT_CHECKS.map(([name, text]) => el("p", {}, el("b", {}, name), ` ${text}`));
  return el(
    "section",
    { class: "methods", "aria-label": "Saliency methods" },
    el("h2", {}, "Which pixels, by every method"),
    lead,
    el("ul", { class: "row" }, ...cards.map((card) => el("li", {}, card.element))),
    el("div", { class: "about quiet" }, ...about),
  );
}

function createCard(app: App, method: Method, number: number): { element: HTMLElement; update(): void } {
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
    const palette = app.palette();
    const revealed = overlay === "reveal";
    const key = [target, Boolean(values), revealed && amount, palette.ground].join();
    if (key === shown) return;
    shown = key;
    put(over, values ? (revealed ? reveal(values, amount, palette.ground) : heat(values, 1, palette)) : null, meta.width, meta.height);
    thumb.classList.toggle("faded", !revealed);
    const checks = method.checks[target];
    facts.replaceChildren(...CHECKS.map((check, i) => fact(check.name, check.good, check.about, checks[i] === null ? null : check.text(checks[i]))));
    const found = warnings(checks);
    warned.textContent = found.join("; ");
    warned.hidden = !found.length;
  }
  return { element: el("div", { class: "method-card" }, choose, facts, warned, note), update };
}

function fact(name: string, good: string, about: string, text: string | null): HTMLElement {
  return el(
    "div",
    { title: `${about} ${good[0].toUpperCase()}${good.slice(1)}.` },
    el("dt", {}, name),
    el("dd", { class: text === null ? "quiet" : null }, text ?? "none"),
  );
}
