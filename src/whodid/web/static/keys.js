// Keys lead where a link leads.

import { currentRow, isOpen, leave, walkTo } from "./drawer.js";
import { next as nextTimes } from "./times.js";

const places = {
  s: "/", a: "/alerts", m: "/views", v: "/overview", t: "/trace", w: "/lookers", o: "/sources",
  i: "/integrity", l: "/about",
};
const LINKS = "table.events td.open a, table.cells td.open a, table.story a.open, table.stats tbody tr td:first-child a";
const FACETS = ".facets a.only";
let going = false;

const follow = (selector) => document.querySelector(selector)?.click();

const next = (all, from, by) => {
  const at = all.indexOf(from);
  return all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
};

// The rows of the page, one of which is reached: the next one that has room is shown too.
const step = (by) => {
  const here = document.activeElement;
  const inFacets = here.matches(FACETS);
  const all = [...document.querySelectorAll(inFacets ? FACETS : LINKS)]
    .filter((link) => !link.closest(".drawer"));
  const to = next(all, !inFacets && isOpen() ? currentRow() : here, by);
  to?.focus({ preventScroll: true });
  to?.scrollIntoView({ block: "nearest" });
  if (to && !inFacets && isOpen()) walkTo(to);
};

// What is at hand in a facet: the link to only its value, or to all but it.
const facet = (selector) => {
  const value = document.activeElement.closest(".facets li");
  value?.querySelector(selector)?.click();
  return value !== null;
};

const keys = {
  "/": () => {
    const box = document.getElementById("q");
    box?.focus();
    box?.select();
  },
  j: () => step(1),
  k: () => step(-1),
  "[": () => follow('nav.pages a[rel="prev"]'),
  "]": () => follow('nav.pages a[rel="next"]'),
  f: () => facet("a.only") || document.querySelector(FACETS)?.focus(),
  F: () => facet("a.without"),
  x: () => facet("a.without"),
  v: () => follow(".ways a:not([aria-current])"),
  t: () => follow("button.live"),
  u: nextTimes,
  e: () => document.querySelector(".exports a")?.focus(),
  "?": () => document.getElementById("keys")?.showModal(),
  Escape: () => isOpen() && leave(),
};

export const begin = () => {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, dialog, [contenteditable]")) return;
    const place = going && places[event.key];
    going = event.key === "g" && !going;
    if (place) {
      event.preventDefault();
      location.assign(place);
    } else if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });
};
