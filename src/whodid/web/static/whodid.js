// Comfort only; every page works without it. Keys lead where a link leads; pointing at a time shows
// it in the reader's own zone.

const places = { s: "/", m: "/views", v: "/overview", t: "/trace", w: "/lookers", o: "/sources", i: "/integrity", l: "/about" };
const rows = "table.events td.open a, table.story a.open, table.stats tbody tr td:first-child a";
let going = false;

const follow = (selector) => document.querySelector(selector)?.click();

// The rows of the page, one of which is reached: the next one that has room is shown too.
const step = (by) => {
  const all = [...document.querySelectorAll(rows)];
  const at = all.indexOf(document.activeElement);
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
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
  f: () => document.querySelector(".facets a.only")?.focus(),
  e: () => document.querySelector(".exports a")?.focus(),
  "?": () => document.getElementById("keys")?.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
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

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

document.addEventListener("pointerover", (event) => {
  const time = event.target.closest?.("time[datetime]");
  if (!time || time.title) return;
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) time.title = `${time.dateTime}\n${local.format(at)}`;
});
