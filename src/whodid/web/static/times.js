// Times as the reader wants them: in UTC as the server writes them, in his own zone, or as how long
// ago. The exact instant is always in the tip. His choice is kept in this browser.

import { element, say } from "./element.js";

const KEY = "whodid.times";
const FORMS = { utc: "UTC", local: "Local", ago: "Ago" };
const AGAIN_MS = 30000;
const CLOCK = /^\d\d:\d\d:\d\d$/;
const DATED = /^[A-Z][a-z]{2} \d+ [A-Z][a-z]{2} \d{4}, \d\d:\d\d/;
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const shortDay = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric" });
const moment = new Intl.DateTimeFormat("en-GB", {
  weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit",
  minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, timeZoneName: "short",
});
const ago = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" });
const UNITS = [["year", 31557600], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

const written = new WeakMap(); // what the server wrote in each <time>
let form = "utc";

const localOf = (at, text) => {
  if (!CLOCK.test(text)) return moment.format(at).replace(/\.000\b/, "");
  // rows stand under their days in UTC: where the day is another one here it is said
  const other = at.getDate() !== at.getUTCDate();
  return other ? `${clock.format(at)} ${shortDay.format(at)}` : clock.format(at);
};

const agoOf = (at) => {
  const seconds = (at.getTime() - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, one]) => Math.abs(seconds) >= one) ?? UNITS.at(-1);
  return ago.format(Math.trunc(seconds / size), unit);
};

const write = (time) => {
  if (!written.has(time)) written.set(time, time.textContent.trim());
  const text = written.get(time);
  const at = new Date(time.dateTime);
  if (!(CLOCK.test(text) || DATED.test(text)) || Number.isNaN(at.getTime())) return;
  const shown = { utc: () => text, local: () => localOf(at, text), ago: () => agoOf(at) }[form]();
  if (time.textContent !== shown) time.textContent = shown;
};

const writeAll = (root) => root.querySelectorAll("time[datetime]").forEach(write);

const told = () => ({
  utc: "Times are UTC.", local: `Times are those of ${zone}.`, ago: "Times are counted from now.",
})[form];

const choose = (name, buttons) => {
  form = name;
  for (const [one, button] of Object.entries(buttons)) {
    button.setAttribute("aria-pressed", String(one === form));
  }
  const words = document.querySelector(".times-are");
  if (words) words.textContent = told();
  writeAll(document);
};

const control = () => {
  const group = element("div", { class: "times", role: "group", "aria-label": "Times" });
  const buttons = {};
  for (const [name, words] of Object.entries(FORMS)) {
    buttons[name] = element("button", { type: "button", class: "quiet" }, words);
    buttons[name].addEventListener("click", () => {
      localStorage.setItem(KEY, name);
      choose(name, buttons);
      say(told());
    });
    group.append(buttons[name]);
  }
  const tools = document.querySelector(".hits .tools");
  if (tools?.parentElement.querySelector("table")) tools.append(group);
  else document.querySelector(".times-are")?.after(" ", group);
  return buttons;
};

const tip = (event) => {
  const time = event.target.closest?.("time[datetime]");
  if (!time || time.title) return;
  const at = new Date(time.dateTime);
  if (!Number.isNaN(at.getTime())) time.title = `${time.dateTime}\n${full.format(at)}`;
};

export const begin = () => {
  document.addEventListener("pointerover", tip);
  if (!document.querySelector(".times-are")) return;
  const buttons = control();
  const kept = localStorage.getItem(KEY);
  choose(kept in FORMS ? kept : "utc", buttons);
  setInterval(() => form === "ago" && writeAll(document), AGAIN_MS);
  // rows that come later, and events that are opened
  new MutationObserver((changes) => {
    if (form === "utc") return;
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) if (node.querySelectorAll) writeAll(node);
    }
  }).observe(document.querySelector("main"), { childList: true, subtree: true });
};

export const next = () => {
  const all = [...document.querySelectorAll(".times button")];
  const at = all.findIndex((button) => button.getAttribute("aria-pressed") === "true");
  all[(at + 1) % all.length]?.click();
};
