// The app: what the parts of the site of units share.
import type { Theme } from "../theme.ts";
import type { Source } from "../types.ts";
import type { Store } from "./store.ts";
import type { View } from "./types.ts";

/** `view`: something else is shown. `theme`: colours changed. */
export type Happening = "view" | "theme";

export interface App {
  readonly root: HTMLElement;
  readonly source: Source;
  readonly store: Store;
  readonly view: View;
  /** Show something else; `replace` leaves no step for the back button. */
  go(view: View, replace?: boolean): void;
  on(happening: Happening, listener: () => void): void;
  theme: Theme;
  setTheme(theme: Theme): void;
  /** Tell a screen reader. */
  speak(text: string): void;
  /** Tell everybody, for a while. */
  toast(text: string): void;
}

/** What a view is made of: itself, and what it stops listening to when another is shown. */
export interface Shown {
  element: HTMLElement;
  title: string;
  /** Colours changed. */
  theme?(): void;
}
