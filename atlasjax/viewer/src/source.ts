// Sources: where an atlas's files come from.
import { bytesOf } from "./bytes.ts";
import type { Source } from "./types.ts";

const BEFORE = "document.currentScript.receive(";
const AFTER = ");";

const encoded = (path: string): string => path.split("/").map(encodeURIComponent).join("/");

interface Receiver extends HTMLScriptElement {
  receive?: (value: unknown) => void;
}

/** The value of a file of data, given as text. */
export function parseData(text: string): unknown {
  const trimmed = text.trim();
  if (!trimmed.startsWith(BEFORE) || !trimmed.endsWith(AFTER)) throw new Error("no file of data");
  return JSON.parse(trimmed.slice(BEFORE.length, -AFTER.length));
}

/** Run a script of data and return what it hands over: the one way to read a file from disk. */
function loadScript(address: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const script: Receiver = document.createElement("script");
    let received = false;
    script.receive = (value) => {
      received = true;
      resolve(value);
    };
    script.onload = () => {
      script.remove();
      if (!received) reject(new Error(`${address} is damaged`));
    };
    script.onerror = () => {
      script.remove();
      reject(new Error(`${address} is missing`));
    };
    script.src = address;
    document.head.append(script);
  });
}

function decoded(address: string): Promise<ImageBitmap> {
  return new Promise((resolve, reject) => {
    const image = new Image();
    // A bitmap stays decoded until it is closed; an image may be decoded anew at any frame.
    image.onload = () => resolve(createImageBitmap(image));
    image.onerror = () => reject(new Error(`${address} is missing or damaged`));
    image.src = address;
  });
}

/** The files beside the page, from disk or from a server. */
export function folderSource(base: string, fromDisk: boolean, folder: string | null = null): Source {
  const address = (path: string): string => base + encoded(path);
  return {
    data: (path) => loadScript(address(path)),
    image: (path) => decoded(address(path)),
    link: address,
    folder,
    savable: !fromDisk,
  };
}

/** The files that one page holds, each in an element with its path. */
export function embeddedSource(root: ParentNode): Source {
  const held = new Map<string, HTMLElement>();
  for (const element of root.querySelectorAll<HTMLElement>("script[data-path]")) {
    held.set(element.dataset["path"]!, element);
  }
  const find = (path: string): string => {
    const found = held.get(path);
    if (!found) throw new Error(`${path} is missing`);
    return found.textContent ?? "";
  };
  return {
    data: async (path) => JSON.parse(find(path)) as unknown,
    image: async (path) => createImageBitmap(new Blob([bytesOf(find(path))], { type: "image/webp" })),
    link: () => null,
    savable: true,
  };
}

/** How a notebook is asked for a file, and answers with its bytes. */
export type Ask = (path: string) => Promise<DataView | null>;

/** The files of a run folder that a notebook's kernel can read. */
export function askedSource(ask: Ask): Source {
  const bytes = async (path: string): Promise<DataView> => {
    const found = await ask(path);
    if (found === null) throw new Error(`${path} is missing`);
    return found;
  };
  return {
    data: async (path) => parseData(new TextDecoder().decode(await bytes(path))),
    image: async (path) => {
      const found = (await bytes(path)) as DataView<ArrayBuffer>;
      return createImageBitmap(new Blob([found], { type: "image/webp" }));
    },
    link: () => null,
    savable: true,
  };
}
