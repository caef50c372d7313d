// The theme: dark or light, as the system has it until a person chooses.

export type Theme = "system" | "dark" | "light";

const THEME = "atlasjax-theme";

export function rememberedTheme(): Theme {
  try {
    const kept = localStorage.getItem(THEME);
    return kept === "dark" || kept === "light" ? kept : "system";
  } catch {
    return "system"; // a browser may forbid it
  }
}

export function rememberTheme(theme: Theme): void {
  try {
    localStorage.setItem(THEME, theme);
  } catch {
    // then it is forgotten with the page
  }
}

export const prefersDark = (): MediaQueryList => window.matchMedia("(prefers-color-scheme: dark)");

export const isDark = (theme: Theme): boolean => (theme === "system" ? prefersDark().matches : theme === "dark");
