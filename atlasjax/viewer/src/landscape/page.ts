// The page of loss surfaces.
import { folderSource } from "../source.ts";
import { mount } from "./mount.ts";

const element = document.getElementById("landscape")!;

void mount(element, folderSource("", location.protocol === "file:"));
