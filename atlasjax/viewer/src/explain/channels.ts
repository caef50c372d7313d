// The dictionary: which channels are most active at a position, and all that are shown.
import { el } from "../dom.ts";
import { type App, layerOf, placeText, same } from "./app.ts";
import { bars, inWords, largestOf } from "../bars.ts";
import { chosenRow, rowsOf } from "./bars.ts";
import { glow } from "./groups.ts";
import { icon } from "./icons.ts";
import { bestFor, peakOf } from "./lights.ts";
import { standsFor } from "./positions.ts";
import type { Focus } from "./types.ts";

export function createChannels(app: App): HTMLElement {
  const heading = el("h3", {});
  const words = el("ul", { class: "words" });
  const all = el("ul", { class: "strip" });
  let chips: { element: HTMLElement; focus: Focus }[] = [];
  let [strip, spelled] = ["", ""];

  function update(): void {
    if (!layerOf(app)) return;
    const { layer, target, cls } = app.state;
    const key = [layer, target, cls].join();
    if (key !== strip) {
      chips = layerOf(app).channels.names.map((_, at) => createChip(app, at));
      all.replaceChildren(...chips.map(({ element }) => el("li", {}, element)));
    }
    strip = key;
    light();
  }

  function light(): void {
    const layer = layerOf(app);
    if (!layer) return;
    const lights = app.lights()?.[app.state.layer];
    for (const { element, focus } of chips) {
      glow(element, lights ? lights.channels[focus.at] : null);
      element.setAttribute("aria-pressed", String(same(app.state.pin, focus)));
    }
    spell();
  }

  /** The words of the position that is looked at, or of the one that does most for the target. */
  function spell(): void {
    const focus = app.focus();
    if (focus?.kind === "channel") return; // what is looked at would go from under the pointer
    const number = focus?.layer ?? app.state.layer;
    const layer = app.picture.layers[number];
    const at = focus ? peakOf(layer, focus) : bestFor(layer, app.state.target);
    const key = [strip, number, at, focus?.kind].join();
    if (key === spelled) return;
    spelled = key;
    const lead = focus ? (focus.kind === "group" ? "Where that group is strongest" : "Here") : "Where most speaks for it";
    heading.textContent = `${lead}: ${layer.name}, ${placeText(layer, at)}`;
    const found = [...layer.dictionary.subarray(at * layer.depth, (at + 1) * layer.depth)].filter((i) => i >= 0);
    const largest = largestOf(layer.channels.effect.map((_, i) => chosenRow(app, layer.channels, i)));
    const made = found.map((channel) => el("li", {}, createWord(app, number, channel, at, largest)));
    words.replaceChildren(...(made.length ? made : [el("li", { class: "quiet" }, "No channel is active here.")]));
  }

  app.on("state", update);
  app.on("focus", light);
  update();
  return el(
    "section",
    { class: "channels", "aria-label": "Channels" },
    el("h2", {}, "The channels behind it"),
    heading,
    words,
    el("h3", {}, "All that are shown"),
    all,
  );
}

function createWord(app: App, number: number, at: number, position: number, largest: number): HTMLElement {
  const layer = app.picture.layers[number];
  const { names, map } = layer.channels;
  const row = chosenRow(app, layer.channels, at);
  const strength = map[at][position].toPrecision(3);
  const made = el(
    "button",
    { type: "button", class: "word" },
    icon(app, number, "channel", at),
    el("span", { class: "title" }, el("span", { class: "unseen" }, "channel "), names[at], el("span", { class: "quiet" }, ` ${strength}`)),
    bars([row], largest),
  );
  standsFor(app, made, { kind: "channel", layer: number, at });
  return made;
}

function createChip(app: App, at: number): { element: HTMLElement; focus: Focus } {
  const { channels } = layerOf(app);
  const focus: Focus = { kind: "channel", layer: app.state.layer, at };
  const rows = rowsOf(app, channels, at);
  const said = `channel ${channels.names[at]}: ${inWords(rows, largestOf(rows))}`;
  const element = el("button", { type: "button", class: "node", "aria-label": said, title: channels.names[at] }, icon(app, focus.layer, "channel", at));
  standsFor(app, element, focus);
  return { element, focus };
}
