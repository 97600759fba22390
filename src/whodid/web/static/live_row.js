// An event of the live tail as a row of the page's table: the same cells as the server makes, from
// the event's JSON. Its sentence comes with it.

import { element } from "./element.js";
import { inert, plain } from "./inert.js";

const OUTCOMES = ["success", "failure", "denied", "unknown"];
const CHARS_MAX = 160;
const SEVERAL = {
  actor: ["actor.name", "actor.id"], user: ["actor.name", "actor.id"], service: ["service.name"],
  resource: ["resources", "resource.name"], session: ["actor.session"], group: ["actor.groups"],
  on_behalf_of: ["actor.on_behalf_of"],
};
const ALL_OF = new Set(["resource", "group"]);

const pathOf = (id) => `/events/${encodeURIComponent(id)}`;
export const timeOf = (hit) => hit.time ?? hit.received;

// The search of the page, narrowed to one value.
const narrowed = (field, value) => {
  const here = new URLSearchParams(location.search);
  const asked = here.get("q")?.trim();
  const quoted = `"${value.replace(/[\\"]/g, "\\$&")}"`;
  const kept = new URLSearchParams({ q: `${asked ? `(${asked}) ` : ""}${field}:${quoted}` });
  if (here.get("columns")) kept.set("columns", here.get("columns"));
  return `/?${kept}`;
};

const linked = (kind, field, value) => (
  element("a", { class: kind, href: narrowed(field, value) }, element("bdi", {}, ...inert(value)))
);

const moment = (iso) => element("time", { datetime: iso }, iso.slice(11, 19));

const outcome = (word) => (
  OUTCOMES.includes(word)
    ? element("span", { class: `outcome ${word}` }, word)
    : element("span", { class: "none" }, "–")
);

// The sentence, with its actor and its resource as links where they stand in it.
const sentence = (hit) => {
  let rest = hit.sentence;
  const nodes = [];
  const places = [["actor", hit["actor.name"] ?? hit["actor.id"]], ["resource", hit["resource.name"]]];
  for (const [field, value] of places) {
    const at = value ? rest.indexOf(value) : -1;
    if (at < 0 || (field === "actor" && at > 0)) continue;
    nodes.push(...inert(rest.slice(0, at)), linked(field, field, value));
    rest = rest.slice(at + value.length);
  }
  return [...nodes, ...inert(rest)];
};

const badges = (hit) => hit.flags
  .filter((flag) => ["quarantined", "conflict", "redacted"].includes(flag))
  .map((flag) => element("span", { class: `badge ${flag}` }, flag));

const details = (hit, ...shown) => (
  element("a", { href: pathOf(hit.id), "aria-label": "Details" }, ...shown)
);

const sentenceCells = (hit) => [
  element("td", { class: "time" }, moment(timeOf(hit))),
  element("td", { class: "what" }, ...sentence(hit), " ", ...badges(hit)),
  element("td", { class: "how" }, outcome(hit.outcome)),
  element("td", { class: "source" }, linked("source", "source", hit.source)),
  element("td", { class: "open" }, details(hit, "Details")),
];

const textOf = (value) => {
  if (value === null || typeof value !== "object") {
    return typeof value === "number" ? value.toLocaleString("en") : String(value);
  }
  if ("rule" in value) return value.rule;
  return `${value.field}: ${value.before ?? "nothing"} → ${value.after ?? "nothing"}`;
};

const valuesOf = (hit, name) => {
  const found = [];
  for (const key of SEVERAL[name] ?? [name]) {
    if (hit[key] !== undefined) found.push(...[hit[key]].flat());
    if (found.length && !ALL_OF.has(name)) break;
  }
  return [...new Set(found.map(textOf))];
};

const cell = (hit, name) => {
  const text = valuesOf(hit, name).join(", ");
  if (!text) return element("td", { class: "none" }, "–");
  if (name === "outcome") return element("td", {}, outcome(text));
  const short = text.length > CHARS_MAX ? `${text.slice(0, CHARS_MAX - 1)}…` : text;
  return element("td", {}, element("bdi", { title: plain(text.slice(0, 1000)) }, ...inert(short)));
};

const gridCells = (hit, columns) => [
  element("td", { class: "open" }, details(hit, moment(timeOf(hit))), " ", ...badges(hit)),
  ...columns.map((name) => cell(hit, name)),
];

export const rowOf = (hit, columns) => (
  element("tr", { class: "new" }, ...(columns.length ? gridCells(hit, columns) : sentenceCells(hit)))
);
