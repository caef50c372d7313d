// The page of a folder of explained images.
import { folderSource } from "../source.ts";
import { mount } from "./mount.ts";

const element = document.getElementById("explanation")!;

void mount(element, folderSource("", location.protocol === "file:"));
