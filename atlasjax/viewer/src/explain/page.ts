// The page of explained images: that of a folder, or one page that holds everything.
import { embeddedSource, folderSource } from "../source.ts";
import { mount } from "./mount.ts";

const element = document.getElementById("explanation")!;
const embedded = document.querySelector("script[data-path]") !== null;
const source = embedded ? embeddedSource(document) : folderSource("", location.protocol === "file:");

void mount(element, source);
