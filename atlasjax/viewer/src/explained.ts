// Explained: which images of the run have a page of their own, and how one is made for another.
import type { App } from "./app.ts";
import type { Index, Source } from "./types.ts";

/** The address of an image's page, relative to the folder, and what the image is called there. */
export type Table = ReadonlyMap<number, readonly [page: string, stem: string]>;

/** Read the table, where there is one that the page can link from. */
export async function readExplained(source: Source, index: Index): Promise<Table> {
  if (!canExplain({ source, store: { index } })) return new Map();
  const held = await source.data(index.explained!).catch(() => ({})); // a table lost is none
  return new Map(
    Object.entries(held as Record<string, [string, string]>).map(([number, one]) => [Number(number), one]),
  );
}

interface Known {
  readonly source: Source;
  readonly store: { readonly index: Index };
}

/** Whether this page can link others of the run folder; a single file and a notebook cannot. */
export function canExplain({ source, store: { index } }: Known): boolean {
  return Boolean(index.explained) && source.link(index.explained!) !== null;
}

/** Where an image is explained; null where it is not. */
export function addressOf(app: Pick<App, "explained" | "source">, image: number): string | null {
  const found = app.explained.get(image);
  const page = found && app.source.link(found[0]);
  return page ? `${page}#image=${encodeURIComponent(found[1])}` : null;
}

/** What makes the page of an image: the run in few letters, and the line that a shell takes. */
export function commandFor(folder: string | null, image: number): { run: string; whole: string } {
  const line = (run: string): string => `atlasjax explain ${run} ${image}`;
  if (folder === null) return { run: "RUN", whole: line("RUN") };
  const name = folder.split("/").filter(Boolean).at(-1) ?? "";
  return { run: `\u2026/${name}`, whole: line(quoted(folder)) };
}

/** The folder on disk that holds a page, by the page's path in a file: address. */
export function folderOnDisk(path: string): string | null {
  try {
    const folder = decodeURIComponent(path.slice(0, path.lastIndexOf("/"))) || "/";
    return /^\/[A-Za-z]:/.test(folder) ? folder.slice(1) : folder;
  } catch {
    return null; // no UTF-8
  }
}

function quoted(path: string): string {
  if (/^[\w@%+=:,./-]+$/.test(path)) return path;
  const onWindows = /^[A-Za-z]:/.test(path);
  return onWindows ? `"${path}"` : `'${path.replaceAll("'", `'"'"'`)}'`;
}
