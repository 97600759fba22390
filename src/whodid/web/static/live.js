// New events as they come in, on top of the list. They wait while somebody reads: while he points at
// the list, has scrolled into it, is in it with the keyboard, or has an event open.
//
// The stream does not resume. So each time that it begins the page is asked for once more, and what
// happened in between is put in; where that was more than a page it is said.

import { isOpen } from "./drawer.js";
import { element, page } from "./element.js";
import { rowOf, timeOf } from "./live_row.js";

const ROWS_MAX = 300;
const KNOWN_MAX = 5000;
const WAITING_MAX = 500;
const GATHER_MS = 200;
const RETRY_MS = [1000, 2000, 5000, 15000, 30000];
const KEY = "whodid.live";

const day = new Intl.DateTimeFormat("en-GB", {
  weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC",
});

// As the server writes it: Sunday 22 November 2026.
const dayOf = (iso) => {
  const parts = Object.fromEntries(day.formatToParts(new Date(iso)).map((p) => [p.type, p.value]));
  return `${parts.weekday} ${parts.day} ${parts.month} ${parts.year}`;
};

class Live {
  constructor(tools) {
    this.tools = tools;
    this.query = tools.dataset.tail;
    this.columns = (tools.dataset.columns || "").split(",").filter(Boolean);
    this.table = document.querySelector(".hits table");
    this.known = this.shown();
    this.waiting = [];
    this.lost = 0;
    this.put = 0;
    this.failures = 0;
    this.pointed = false;
    this.source = null;
    this.button = element("button", { type: "button", class: "quiet live", "aria-pressed": "false" }, "Live");
    this.button.title = "New events as they come in (t)";
    this.state = element("span", { class: "live-state", role: "status" });
    this.count = element("span", { class: "live-state" }); // not read out: it changes all the time
    this.more = element("button", { type: "button", class: "quiet more-new" });
    this.more.hidden = true;
    tools.append(this.button, this.state, this.count, this.more);
    this.button.addEventListener("click", () => (this.on ? this.stop() : this.start()));
    this.more.addEventListener("click", () => this.flush());
    this.listen();
    if (sessionStorage.getItem(KEY) === this.query) this.start();
  }

  shown() {
    return new Set([...document.querySelectorAll(".hits td.open a")].map((a) => a.pathname));
  }

  get on() {
    return this.button.getAttribute("aria-pressed") === "true";
  }

  listen() {
    this.table?.addEventListener("pointerenter", () => { this.pointed = true; });
    this.table?.addEventListener("pointerleave", () => { this.pointed = false; this.gather(); });
    addEventListener("scroll", () => this.gather(), { passive: true });
    document.addEventListener("focusout", () => this.gather());
    document.addEventListener("visibilitychange", () => this.gather());
    addEventListener("pagehide", () => this.source?.close());
  }

  get busy() {
    const { table } = this;
    return this.pointed || isOpen() || document.hidden
      || table.getBoundingClientRect().top < 0 || table.contains(document.activeElement);
  }

  start() {
    sessionStorage.setItem(KEY, this.query);
    this.button.setAttribute("aria-pressed", "true");
    this.connect();
  }

  stop(words = "") {
    sessionStorage.removeItem(KEY);
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
    this.button.setAttribute("aria-pressed", "false");
    this.say(words);
  }

  say(words, ...more) {
    if (this.state.textContent !== words) this.state.replaceChildren(words, ...more);
  }

  connect() {
    this.say("Connecting…");
    const source = new EventSource(`/v1/tail?${new URLSearchParams({ q: this.query })}`);
    this.source = source;
    source.addEventListener("open", () => {
      this.failures = 0;
      this.say("Live");
      this.catchUp();
    });
    source.addEventListener("hit", (event) => this.take(JSON.parse(event.data)));
    source.addEventListener("fault", (event) => {
      source.close();
      this.stop(`No longer live: ${JSON.parse(event.data).error.message}`);
    });
    source.addEventListener("error", () => {
      source.close();
      if (this.source === source) this.again();
    });
  }

  // Not the stream but its status tells whether it is worth while to try again.
  async again() {
    const address = `/v1/tail?${new URLSearchParams({ q: this.query })}`;
    const status = await fetch(address, { method: "HEAD" }).then((a) => a.status, () => 0);
    if (!this.on) return;
    if (status === 401 || status === 403) {
      this.stop(status === 401 ? "No longer live: your login has ended" : "Not allowed to you");
      return;
    }
    const wait = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)];
    this.failures += 1;
    this.say(`Connection lost; next try in ${wait / 1000} s`);
    this.retry = setTimeout(() => this.connect(), wait);
  }

  // What happened since the page was read, or while there was no connection.
  async catchUp() {
    try {
      const fresh = await page(location.pathname + location.search);
      const rows = [...(fresh?.querySelectorAll(".hits tbody tr:not(.day)") ?? [])];
      if (rows.length && !this.table) return location.reload();
      const news = rows.filter((row) => !this.known.has(row.querySelector("td.open a").pathname));
      if (news.length === rows.length && rows.length > 1 && this.known.size) {
        this.fellBehind("More than a page of events came meanwhile");
      }
      for (const row of news.reverse()) {
        row.classList.add("new");
        this.keep(row.querySelector("td.open a").pathname, row.querySelector("time").dateTime, row);
      }
    } catch {
      // the stream itself will say that the server is gone
    }
    return undefined;
  }

  take(hit) {
    if (!this.table) location.reload();
    else this.keep(`/events/${encodeURIComponent(hit.id)}`, timeOf(hit), rowOf(hit, this.columns));
  }

  keep(path, time, row) {
    if (this.known.has(path)) return;
    this.known.add(path);
    if (this.waiting.length < WAITING_MAX) this.waiting.push({ time, row });
    else this.lost += 1;
    this.gather();
  }

  gather() {
    if (!this.waiting.length) return;
    this.later ??= setTimeout(() => {
      this.later = null;
      if (!this.busy) this.flush();
      else this.tell();
    }, GATHER_MS);
  }

  tell() {
    const count = this.waiting.length + this.lost;
    this.more.hidden = !count;
    this.more.textContent = `${count.toLocaleString("en")} new: show`;
  }

  flush() {
    for (const { time, row } of this.waiting) this.insert(time, row);
    this.put += this.waiting.length;
    if (this.lost) this.fellBehind(`${this.lost.toLocaleString("en")} events came too fast to be shown`);
    this.waiting = [];
    this.lost = 0;
    this.tell();
    this.count.textContent = `${this.put.toLocaleString("en")} new`;
    this.bound();
  }

  fellBehind(words) {
    this.behind = true;
    this.say(`Fell behind: ${words}. `, element("a", { href: location.pathname + location.search }, "Load again"));
  }

  // In the order of time, under the day; what is older than all that is shown is not.
  insert(time, row) {
    const all = [...this.table.querySelectorAll("tbody tr:not(.day)")];
    const next = all.find((one) => one.querySelector("time").dateTime <= time);
    if (!next) return;
    const title = dayOf(time);
    const body = next.parentElement;
    if (body.querySelector(".day").textContent.trim() === title) return void next.before(row);
    const above = body.previousElementSibling;
    if (above?.querySelector(".day")?.textContent.trim() === title) return void above.append(row);
    const span = body.querySelector(".day th").colSpan;
    const head = element("tr", { class: "day" });
    head.append(element("th", { colspan: String(span), scope: "rowgroup" }, title));
    body.before(element("tbody", {}, head, row));
    return undefined;
  }

  // A page that stays open for days must not grow for days.
  bound() {
    if (this.known.size > KNOWN_MAX) this.known = this.shown();
    const all = [...this.table.querySelectorAll("tbody tr:not(.day)")];
    if (all.length <= ROWS_MAX) return;
    for (const row of all.slice(ROWS_MAX)) {
      const body = row.parentElement;
      row.remove();
      if (!body.querySelector("tr:not(.day)")) body.remove();
    }
    // "older" would begin behind the rows that were taken out
    document.querySelector('nav.pages a[rel="next"]')?.remove();
    if (!this.cut) {
      this.cut = element("p", { class: "none" }, `Only the newest ${ROWS_MAX} rows are kept. `);
      this.cut.append(element("a", { href: location.pathname + location.search }, "Load again for older ones"));
      this.table.after(this.cut);
    }
  }
}

export const begin = () => {
  const tools = document.querySelector(".tools[data-tail]");
  if (tools) new Live(tools);
};
