// The page of a folder of units.
import { folderSource } from "../source.ts";
import { mount } from "./mount.ts";

const element = document.getElementById("units")!;

void mount(element, folderSource("", location.protocol === "file:"));
