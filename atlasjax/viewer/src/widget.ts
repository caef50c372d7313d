// The widget of a notebook: the same viewer, whose files the kernel reads.
import css from "../viewer.css";
import { mount } from "./mount.ts";
import { type Ask, askedSource } from "./source.ts";

interface Model {
  get(name: string): unknown;
  on(event: "msg:custom", listener: (message: Answer, buffers: DataView[]) => void): void;
  off(event: "msg:custom", listener: (message: Answer, buffers: DataView[]) => void): void;
  send(message: { id: number; path: string }): void;
}

interface Answer {
  id: number;
  found: boolean;
}

function asking(model: Model): { ask: Ask; end(): void } {
  const waiting = new Map<number, (bytes: DataView | null) => void>();
  let last = 0;
  const listener = ({ id, found }: Answer, buffers: DataView[]): void => {
    waiting.get(id)?.(found ? buffers[0] : null);
    waiting.delete(id);
  };
  model.on("msg:custom", listener);
  return {
    ask: (path) =>
      new Promise((resolve) => {
        const id = ++last;
        waiting.set(id, resolve);
        model.send({ id, path });
      }),
    end: () => model.off("msg:custom", listener),
  };
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const { ask, end } = asking(model);
  const style = document.createElement("style");
  style.textContent = css;
  const holder = document.createElement("div");
  holder.style.height = `${Number(model.get("height"))}px`;
  el.append(style, holder);
  void mount(holder, askedSource(ask), { permalink: false });
  return end;
}

export default { render };
