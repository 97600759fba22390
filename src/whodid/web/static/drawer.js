// The event of a row beside the list: the page of that event without its frame, asked of the server.
// Its address is a part of the list's (#event=…), so that "back" closes it and a reload shows it.

import { equip } from "./clipboard.js";
import { element, part, say } from "./element.js";

const ROWS = ".hits td.open a";
const WALK_MS = 120;
const narrow = matchMedia("(max-width: 60rem)");

let drawer = null;
let body = null;
let current = null;
let asked = null;

export const isOpen = () => drawer !== null && !drawer.hidden;

// What the list is about: with it the event's values lead to narrower searches.
const context = () => {
  const here = new URLSearchParams(location.search);
  const kept = new URLSearchParams({ fragment: "1" });
  for (const name of ["q", "own", "columns"]) {
    if (here.get(name)) kept.set(name, here.get(name));
  }
  return kept;
};

const pathOf = (id) => `/events/${encodeURIComponent(id)}`;
const idOf = (link) => decodeURIComponent(new URL(link.href).pathname.split("/")[2]);
const idHere = () => {
  const found = /^#event=([A-Za-z0-9-]{1,64})$/.exec(location.hash);
  return found ? found[1] : null;
};

export const currentRow = () => {
  const all = [...document.querySelectorAll(ROWS)];
  return all.find((link) => idOf(link) === current) ?? null;
};

const mark = () => {
  document.querySelectorAll("tr.current").forEach((row) => row.classList.remove("current"));
  currentRow()?.closest("tr").classList.add("current");
};

// Over a narrow page it lies on top: then nothing behind it can be reached.
const guard = () => {
  const behind = ".skip, .top, footer, main > :not(.found), .found > :not(.drawer)";
  const covers = isOpen() && narrow.matches;
  document.querySelectorAll(behind).forEach((one) => { one.inert = covers; });
};

const made = () => {
  body = element("div", { class: "drawer-body" });
  const close = element("button", { type: "button", class: "quiet" }, "Close ");
  close.append(element("kbd", { "aria-hidden": "true" }, "Esc"));
  close.addEventListener("click", leave);
  const bar = element("div", { class: "drawer-bar" });
  const full = element("a", { href: "/" }, "Its own page");
  bar.append(full, close);
  drawer = element("aside", { class: "drawer", id: "drawer", "aria-label": "Event" }, bar, body);
  drawer.full = full;
  drawer.hidden = true;
  document.querySelector(".found")?.append(drawer);
  narrow.addEventListener("change", guard);
  drawer.addEventListener("submit", verify);
  return drawer;
};

const fill = (nodes) => {
  body.replaceChildren(...nodes);
  equip(body);
  drawer.scrollTop = 0;
};

const load = async (address, options, focus) => {
  asked?.abort();
  const mine = new AbortController();
  asked = mine;
  drawer.setAttribute("aria-busy", "true");
  try {
    const nodes = await part(address, { ...options, signal: mine.signal });
    if (asked !== mine) return;
    fill(nodes);
    if (focus) body.querySelector("h1, h2")?.focus({ preventScroll: true });
    body.querySelector("#verdict")?.scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (error.name === "AbortError" || asked !== mine) return;
    fill([element("p", { role: "alert" }, "The server cannot be reached. Try again.")]);
  } finally {
    if (asked === mine) drawer.removeAttribute("aria-busy");
  }
};

let walking = 0;
const show = (id, { focus = true, wait = 0, renamed = false } = {}) => {
  if (!drawer) made();
  current = id;
  drawer.hidden = false;
  document.body.classList.add("opened");
  drawer.full.href = pathOf(id);
  mark();
  guard();
  currentRow()?.scrollIntoView({ block: "nearest" });
  clearTimeout(walking);
  walking = setTimeout(() => {
    if (renamed) history.replaceState(history.state, "", `#event=${id}`);
    load(`${pathOf(id)}?${context()}`, {}, focus);
  }, wait);
};

const hide = () => {
  if (!isOpen()) return;
  asked?.abort();
  clearTimeout(walking);
  const link = currentRow();
  drawer.hidden = true;
  document.body.classList.remove("opened");
  guard();
  link?.focus();
  say("Event closed");
};

// Opens a row's event. While one is open the next takes its place in the history too.
export const open = (link, options) => {
  const id = idOf(link);
  const renamed = isOpen();
  if (!renamed) history.pushState({ drawer: true }, "", `#event=${id}`);
  show(id, { ...options, renamed });
};

export const walkTo = (link) => open(link, { focus: false, wait: WALK_MS });

export const leave = () => {
  if (history.state?.drawer) history.back();
  else {
    history.replaceState(null, "", location.pathname + location.search);
    hide();
  }
};

const verify = (event) => {
  const form = event.target;
  if (!form.action.includes("/verify")) return;
  event.preventDefault();
  const address = new URL(form.action);
  context().forEach((value, name) => address.searchParams.set(name, value));
  address.hash = "";
  load(address, { method: "POST", body: new URLSearchParams(new FormData(form)) }, false);
};

const follow = () => {
  const id = idHere();
  if (!id) hide();
  else if (id !== current || !isOpen()) show(id);
};

const clicked = (event) => {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest("td.open a");
  if (!link || !link.closest(".found")) return;
  event.preventDefault();
  open(link);
};

export const begin = () => {
  if (!document.querySelector(".found")) return;
  document.addEventListener("click", clicked);
  addEventListener("popstate", follow);
  if (idHere()) show(idHere(), { focus: false });
};
