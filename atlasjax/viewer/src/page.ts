// The page of a run folder, or one page that holds everything.
import { folderOnDisk } from "./explained.ts";
import { mount } from "./mount.ts";
import { embeddedSource, folderSource } from "./source.ts";

const element = document.getElementById("atlas")!;
const embedded = document.querySelector("script[data-path]") !== null;
const fromDisk = location.protocol === "file:";
const folder = fromDisk ? folderOnDisk(location.pathname) : null;
const source = embedded ? embeddedSource(document) : folderSource("", fromDisk, folder);

void mount(element, source, { permalink: true }).then((app) => {
  if (app) document.title = `${app.store.index.name} \u00b7 activation atlas`;
});
