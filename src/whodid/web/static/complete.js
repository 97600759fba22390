// Completion in the search box: a combobox (WAI-ARIA 1.2) whose list the server fills with what can
// stand at the caret. One request at a time; the newest text is asked for when that is answered.

import { element, say } from "./element.js";

const WAIT_MS = 150;
const known = new Map();
const KEPT = 200;

let box = null;
let list = null;
let items = [];
let offer = null;
let chosen = -1;
let asking = false;
let waiting = 0;
let failed = false;

// The server counts characters, a string here code units of UTF-16.
const characters = (text) => [...text].length;
const units = (text, place) => [...text].slice(0, place).join("").length;

const close = () => {
  list.hidden = true;
  items = [];
  chosen = -1;
  box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
};

const choose = (place) => {
  items[chosen]?.setAttribute("aria-selected", "false");
  chosen = place;
  const item = items[chosen];
  if (!item) {
    box.removeAttribute("aria-activedescendant");
    return;
  }
  item.setAttribute("aria-selected", "true");
  item.scrollIntoView({ block: "nearest" });
  box.setAttribute("aria-activedescendant", item.id);
};

const take = (place) => {
  const { text, start, end, options } = offer;
  const option = options[place];
  const before = text.slice(0, units(text, start));
  const after = text.slice(units(text, end));
  // a value is whole, what else there is wants more behind it
  const whole = option.kind === "value" && !/\s/.test(after[0] ?? "x");
  const put = option.text + (whole ? " " : "");
  box.setRangeText(put, before.length, text.length - after.length, "end");
  box.focus();
  close();
  ask();
};

const shownOf = (option, number) => {
  const about = option.count === null ? option.about : `${option.count.toLocaleString("en")} events`;
  const item = element(
    "li",
    { role: "option", id: `offer-${number}`, "aria-selected": "false", class: "offer" },
    element("bdi", {}, option.shown),
  );
  if (about) item.append(element("span", { class: "none" }, about));
  item.addEventListener("pointerdown", (event) => {
    event.preventDefault(); // the focus stays where it is
    take(number);
  });
  return item;
};

const show = (answer, text) => {
  offer = { text, start: answer.start, end: answer.end, options: answer.items };
  items = answer.items.map(shownOf);
  chosen = -1;
  list.replaceChildren(...items);
  box.removeAttribute("aria-activedescendant");
  if (!items.length) return close();
  list.hidden = false;
  box.setAttribute("aria-expanded", "true");
  say(`${items.length} suggestions`);
};

// Who types on at a value of which all are known here need not ask again: each asking is recorded.
const narrowed = (text, at) => {
  if (!latest?.answer.whole || latest.answer.field === null) return null;
  const { start } = latest.answer;
  const [before, now] = [[...latest.text], [...text]];
  const typed = now.slice(start, at).join("");
  const grown = before.slice(0, latest.at).join("");
  const same = text.startsWith(grown) && latest.text.slice(grown.length) === now.slice(at).join("");
  if (!same || /[\s"*()|]/.test(typed)) return null;
  const folded = typed.toLowerCase();
  const items = latest.answer.items.filter(
    (item) => item.shown.toLowerCase().includes(folded) && item.shown !== typed,
  );
  return { ...latest.answer, items, end: at + (latest.answer.end - latest.at) };
};

let latest = null;
const answerOf = async (text, at) => {
  const key = `${at} ${text}`;
  const here = narrowed(text, at);
  if (here) return here;
  if (!known.has(key)) {
    const query = new URLSearchParams({ q: text, caret: String(at) });
    const answer = await fetch(`/v1/complete?${query}`);
    if (!answer.ok) {
      failed = answer.status === 401 || answer.status === 403;
      return null;
    }
    if (known.size > KEPT) known.clear();
    known.set(key, await answer.json());
  }
  latest = { text, at, answer: known.get(key) };
  return latest.answer;
};

const asked = async () => {
  if (asking || failed) return;
  asking = true;
  const text = box.value;
  const at = characters(text.slice(0, box.selectionStart));
  try {
    const answer = await answerOf(text, at);
    const here = characters(box.value.slice(0, box.selectionStart));
    const current = text === box.value && at === here && document.activeElement === box;
    if (current && answer) show(answer, text);
    else if (text !== box.value || at !== here) ask();
    else close();
  } catch {
    close(); // it is comfort: the search itself will say that there is no server
  } finally {
    asking = false;
  }
};

const ask = () => {
  clearTimeout(waiting);
  waiting = setTimeout(asked, WAIT_MS);
};

const keys = {
  ArrowDown: () => (items.length ? choose((chosen + 1) % items.length) : ask()),
  ArrowUp: () => items.length && choose((chosen <= 0 ? items.length : chosen) - 1),
  Enter: () => chosen >= 0 && (take(chosen), true),
  Tab: () => chosen >= 0 && (take(chosen), true),
  Escape: () => items.length && (close(), true),
};

const pressed = (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const done = keys[event.key]?.();
  if (event.key.startsWith("Arrow") ? event.key in keys : done) event.preventDefault();
};

export const begin = () => {
  box = document.querySelector('form.search[action="/"] #q');
  if (!box) return;
  list = element("ul", { role: "listbox", id: "offers", "aria-label": "Suggestions", class: "offers" });
  list.hidden = true;
  box.closest("form").append(list);
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "offers",
  })) box.setAttribute(name, value);
  box.addEventListener("input", ask);
  box.addEventListener("keydown", pressed);
  box.addEventListener("click", ask);
  box.addEventListener("blur", close);
};
