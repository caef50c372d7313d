// The app: what the parts of the page of one image share. One state, a few events, no globals.
import { digitsFor, signed } from "../app.ts";
import { fullName } from "../labels.ts";
import { type Palette, PALETTES } from "../shade.ts";
import type { Theme } from "../theme.ts";
import type { Source } from "../types.ts";
import type { Lights } from "./lights.ts";
import type { Store } from "./store.ts";
import type { Directions, Focus, Layer, Picture, Saliency, State } from "./types.ts";

/** `state`: what is chosen changed. `focus`: something else is looked at. `maps`: those of the
 * target have come. `theme`: colours changed. */
export type Happening = "state" | "focus" | "maps" | "theme";

export interface App {
  readonly root: HTMLElement;
  readonly source: Source;
  readonly store: Store;
  readonly picture: Picture;
  readonly state: Readonly<State>;
  /** Change what is chosen and tell everybody. */
  set(patch: Partial<State>): void;
  on(happening: Happening, listener: () => void): void;
  emit(happening: Happening): void;
  /** Maps of the methods for the chosen target, once they are there. */
  maps: Saliency[] | null;
  /** What is looked at: under the pointer or the keyboard's cursor, else what is pinned. */
  focus(): Focus | null;
  /** Look at something; null to look away. */
  look(focus: Focus | null): void;
  /** Let what is looked at stay lit, or no longer where it does already. */
  pin(focus: Focus): void;
  /** What is lit in every layer, or null where nothing is looked at. */
  lights(): Lights[] | null;
  theme: Theme;
  setTheme(theme: Theme): void;
  /** Tell a screen reader. */
  speak(text: string): void;
  /** Tell everybody, for a while. */
  toast(text: string): void;
}

/** Colours over pictures: these are looked at in a dark room, whatever the theme. */
export const ROOM: Palette = PALETTES.dark;

export const layerOf = (app: App): Layer => app.picture.layers[app.state.layer];

export const same = (a: Focus | null, b: Focus | null): boolean =>
  a === b || Boolean(a && b && a.kind === b.kind && a.layer === b.layer && a.at === b.at);

/** What a target is called in few words. */
export function shortTarget(app: App, target: number): string {
  const { targets, target_classes: classes, short_names: names } = app.store.index;
  return names[classes[target]] ?? targets[target];
}

export const fullTarget = (app: App, target: number): string => app.store.index.targets[target];

export const shortClass = (app: App, cls: number): string => app.store.index.short_names[cls];

export const className = (app: App, cls: number): string => fullName(app.store.index, cls);

/** The target that a class is, or -1. */
export const targetOf = (app: App, cls: number): number => app.store.index.target_classes.indexOf(cls);

/** What every position of a layer does to a target. */
export function effectsOn(layer: Layer, target: number, targets: number): Float32Array {
  const count = layer.rows * layer.columns;
  return Float32Array.from({ length: count }, (_, i) => layer.effect[i * targets + target]);
}

export const held = (layer: Layer, kind: "group" | "channel"): Directions =>
  kind === "group" ? layer.groups : layer.channels;

export function placeText(layer: Layer, at: number): string {
  return `row ${Math.floor(at / layer.columns) + 1}, column ${(at % layer.columns) + 1}`;
}

/** What is looked at, in words. */
export function nameOf(app: App, focus: Focus): string {
  const layer = app.picture.layers[focus.layer];
  if (focus.kind === "position") return `${layer.name}, ${placeText(layer, focus.at)}`;
  const name = held(layer, focus.kind).names[focus.at];
  return `${layer.name}, ${focus.kind === "channel" ? "channel " : ""}${name}`;
}

/** What it does to the chosen target. */
export function effectOf(app: App, { kind, layer, at }: Focus): number {
  const { target } = app.state;
  const shown = app.picture.layers[layer];
  if (kind === "position") return shown.effect[at * app.store.index.targets.length + target];
  return held(shown, kind).effect[at][target];
}

/** Say what is looked at and what it does, for the live region and under the image. */
export function sayFocus(app: App, focus: Focus): string {
  const effect = effectOf(app, focus);
  const target = shortTarget(app, app.state.target);
  return `${nameOf(app, focus)}: ${signed(effect, digitsFor(Math.abs(effect)))} to ${target}`;
}
