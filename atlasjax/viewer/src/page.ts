// The page of a run folder, or one page that holds everything.
import { mount } from "./mount.ts";
import { embeddedSource, folderSource } from "./source.ts";

const element = document.getElementById("atlas")!;
const embedded = document.querySelector("script[data-path]") !== null;
const source = embedded ? embeddedSource(document) : folderSource("", location.protocol === "file:");

void mount(element, source, { permalink: true }).then((app) => {
  if (app) document.title = `${app.store.index.name} \u00b7 activation atlas`;
});
