// Foreign text as nodes: text is text, and what does not print becomes a mark that names it, as the
// server does (inert.py): direction overrides, terminal escapes, NULs.

import { element } from "./element.js";

const HIDDEN = /((?! )[\p{C}\p{Z}])\1*/gu;
const PICTURES = 0x2400;

const mark = (run) => {
  const code = run.codePointAt(0);
  const name = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  const count = [...run].length;
  const times = count > 1 ? ` (${count.toLocaleString("en")} times)` : "";
  const shown = code < 0x20 ? String.fromCodePoint(PICTURES + code) : name;
  return element("span", { class: "mark", title: `${name}${times}, does not print` }, shown + times);
};

export const inert = (text) => {
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(HIDDEN)) {
    if (match.index > at) nodes.push(text.slice(at, match.index));
    nodes.push(mark(match[0]));
    at = match.index + match[0].length;
  }
  if (at < text.length) nodes.push(text.slice(at));
  return nodes;
};

// For an attribute, where no mark can stand.
export const plain = (text) => text.replace(HIDDEN, "\ufffd");
