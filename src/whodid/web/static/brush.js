// A stretch of the histogram chosen with mouse, finger or keys becomes the time of the search. Each
// bar is a link of its own; this is for more than one.

import { element, say } from "./element.js";

const DRAG_PX = 5;
const SVG = "http://www.w3.org/2000/svg";
const number = new Intl.NumberFormat("en");

const DAY_S = 86400;

const moment = (seconds, whole) => (
  new Date(seconds * 1000).toISOString().slice(0, whole ? 10 : 16).replace("T", " ")
);

// In UTC, to the minute; of whole days the last one is named.
const stretch = (start, end) => {
  const whole = start % DAY_S === 0 && end % DAY_S === 0;
  const last = moment(whole ? end - DAY_S : end, whole);
  const first = moment(start, whole);
  return first === last ? first : `${first} to ${last}`;
};

class Brush {
  constructor(figure) {
    this.figure = figure;
    this.svg = figure.querySelector("svg");
    this.edges = figure.dataset.edges.split(" ").map(Number);
    this.counts = figure.dataset.counts.split(" ").map(Number);
    this.last = this.counts.length - 1;
    this.anchor = this.at = this.last;
    this.dragged = false;
    this.from = null;
    this.band = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ class: "band", y: 0, height: "100%", width: 0 })) {
      this.band.setAttribute(name, value);
    }
    this.svg.append(this.band);
    this.told = element("p", { class: "brushed" });
    this.told.hidden = true;
    this.slider = element("div", {
      class: "brush", role: "slider", tabindex: "0", "aria-label": "A stretch of time to zoom into",
      "aria-valuemin": "0", "aria-valuemax": String(this.last), "aria-valuenow": String(this.at),
      "aria-valuetext": "Arrow keys choose a bar, with Shift more of them; Enter zooms",
    });
    this.slider.title = "← → choose, with Shift more; Enter zooms";
    this.svg.after(this.slider, this.told);
    this.listen();
  }

  listen() {
    const { svg, slider } = this;
    svg.addEventListener("pointerdown", (event) => {
      if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
      this.from = event.clientX;
      this.anchor = this.at = this.barAt(event.clientX);
      this.dragged = false;
    });
    svg.addEventListener("pointermove", (event) => {
      if (this.from === null) return;
      if (!this.dragged && Math.abs(event.clientX - this.from) < DRAG_PX) return;
      if (!this.dragged) svg.setPointerCapture(event.pointerId);
      this.dragged = true;
      this.at = this.barAt(event.clientX);
      this.draw();
    });
    svg.addEventListener("pointerup", () => {
      if (this.from !== null && this.dragged) this.zoom();
      this.from = null;
    });
    svg.addEventListener("pointercancel", () => {
      this.from = null;
      this.clear();
    });
    // a bar that was dragged over is a link that was not meant
    svg.addEventListener("dragstart", (event) => event.preventDefault());
    svg.addEventListener("click", (event) => {
      if (this.dragged) event.preventDefault();
    }, true);
    slider.addEventListener("keydown", (event) => this.pressed(event));
    slider.addEventListener("blur", () => this.clear());
  }

  barAt(x) {
    const box = this.svg.getBoundingClientRect();
    const bar = Math.floor(((x - box.left) / box.width) * this.counts.length);
    return Math.max(0, Math.min(this.last, bar));
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const to = { ArrowLeft: this.at - 1, ArrowRight: this.at + 1, Home: 0, End: this.last }[event.key];
    if (to !== undefined) {
      this.at = Math.max(0, Math.min(this.last, to));
      if (!event.shiftKey) this.anchor = this.at;
      this.draw();
    } else if (event.key === "Enter") this.zoom();
    else if (event.key === "Escape" && !this.told.hidden) this.clear();
    else return;
    event.preventDefault();
  }

  get range() {
    return [Math.min(this.anchor, this.at), Math.max(this.anchor, this.at)];
  }

  draw() {
    const [low, high] = this.range;
    const width = this.svg.viewBox.baseVal.width / this.counts.length;
    this.band.setAttribute("x", low * width);
    this.band.setAttribute("width", (high - low + 1) * width);
    const events = this.counts.slice(low, high + 1).reduce((sum, one) => sum + one, 0);
    const counted = `${number.format(events)} event${events === 1 ? "" : "s"}`;
    const text = `${stretch(this.edges[low], this.edges[high + 1])} UTC: ${counted}`;
    this.told.textContent = text;
    this.told.hidden = false;
    this.slider.setAttribute("aria-valuenow", String(this.at));
    this.slider.setAttribute("aria-valuetext", text);
  }

  clear() {
    this.band.setAttribute("width", 0);
    this.told.hidden = true;
  }

  zoom() {
    const [low, high] = this.range;
    const address = new URL(this.figure.dataset.zoom, location.href);
    address.searchParams.set("span", `${this.edges[low]}-${this.edges[high + 1]}`);
    // a bar at an edge may reach beyond the time that is asked for: both must hold then
    if (low === 0 || high === this.last) address.searchParams.set("within", "1");
    say("Zooming");
    location.assign(address);
  }
}

export const begin = () => {
  document.querySelectorAll("figure.chart[data-edges]").forEach((figure) => new Brush(figure));
};
