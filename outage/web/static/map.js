// Draws every <div class="cell-map"> on canvases of our own: 100,000 cells stay quick because each is a few pixels
// written into one image, and the page's content policy forbids the shaders that a chart library would compile.
import { MARGIN, ORDER, paintCells, paintGrid, paintOver } from "./map-paint.js";
import { extent, inside } from "./map-plane.js";

const NEAR = 14;
const MOST_ZOOM = 400000;

class CellMap {
  constructor(box) {
    this.box = box;
    this.states = {};
    this.count = 0;
    this.near = -1;
    this.tool = "pan";
    this.fingers = new Map();
    this.canvases = ["grid", "cells", "over"].map(function () { return document.createElement("canvas"); });
    this.frame = document.createElement("div");
    this.frame.className = "cell-map-frame";
    this.frame.tabIndex = 0;
    this.frame.setAttribute("role", "application");
    this.frame.setAttribute("aria-label", (box.dataset.label || "Map of cells") + ". Arrow keys move, plus and minus zoom, 0 shows all.");
    this.frame.style.height = (box.dataset.height || 380) + "px";
    this.tip = document.createElement("div");
    this.tip.className = "cell-map-tip";
    this.tip.hidden = true;
    this.frame.append(...this.canvases, this.tip);
    this.bar = document.createElement("div");
    this.bar.className = "cell-map-bar";
    this.told = document.createElement("span");
    this.told.className = "small text-body-secondary";
    this.told.setAttribute("role", "status");
    box.replaceChildren(this.bar, this.frame, this.told);
    this.picks = box.dataset.picks === "yes";
    this.makeBar();
    this.listen();
  }

  button(label, title, action) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm btn-outline-secondary";
    button.textContent = label;
    button.title = title;
    if (label.length === 1) { button.setAttribute("aria-label", title); }
    button.addEventListener("click", action);
    this.bar.append(button);
    return button;
  }

  makeBar() {
    const tools = [["pan", "Move", "Drag to move the map"], ["box", this.picks ? "Box" : "Box zoom", this.picks ? "Drag a box: cells in it are taken" : "Drag a box to zoom into it"]];
    if (this.picks) { tools.push(["lasso", "Lasso", "Draw around cells: those inside are taken"]); }
    this.toolButtons = new Map(tools.map(([name, label, title]) => [name, this.button(label, title, () => this.use(name))]));
    this.button("+", "Zoom in", () => this.zoom(1.6));
    this.button("−", "Zoom out", () => this.zoom(1 / 1.6));
    if (!this.picks) { this.button("Touched cells", "Show the cells that are not simply up", () => this.showTouched()); }
    this.button("All cells", "Show every cell", () => this.showAll());
    if (this.picks) {
      this.button("Take all in view", "Take every cell that the map shows now", () => this.take(this.inView()));
    }
    this.use("pan");
  }

  use(tool) {
    this.tool = tool;
    for (const [name, button] of this.toolButtons) { button.setAttribute("aria-pressed", String(name === tool)); button.classList.toggle("active", name === tool); }
    // One finger scrolls the page unless it draws.
    this.frame.style.touchAction = tool === "pan" ? "pan-x pan-y" : "none";
    this.frame.style.cursor = tool === "pan" ? "grab" : "crosshair";
  }

  fill(cells) {
    const hidden = new Set(cells.retired);
    this.refs = cells.refs;
    this.count = cells.refs.length;
    this.longitude = Float64Array.from(cells.x, (x) => x / 1e5);
    this.latitude = Float64Array.from(cells.y, (y) => y / 1e5);
    this.base = Uint8Array.from(cells.refs, (_, place) => hidden.has(place) ? 255 : 0);
    this.state = this.base.slice();
    const [low, high] = extent(this.latitude);
    this.squeeze = Math.cos(Math.min(Math.abs((low + high) / 2), 85) * Math.PI / 180) || 1;
  }

  place() {
    if (!this.places) { this.places = new Map(this.refs.map((ref, place) => [ref, place])); }
    return this.places;
  }

  // states: {"lost": [refs], ...}; a cell that none names is up.
  mark(states) {
    const places = this.place();
    this.state = this.base.slice();
    for (const [name, refs] of Object.entries(states)) {
      const code = ORDER.indexOf(name);
      for (const ref of refs) {
        const at = places.get(ref);
        if (at !== undefined) { this.state[at] = code; }
      }
    }
  }

  listen() {
    const frame = this.frame;
    frame.addEventListener("pointerdown", (event) => this.down(event));
    frame.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) { frame.addEventListener(name, (event) => this.up(event)); }
    frame.addEventListener("pointerleave", () => this.point(null));
    frame.addEventListener("dblclick", (event) => this.zoom(2, this.spot(event)));
    // The wheel belongs to the page until the map is the one in use.
    frame.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && document.activeElement !== frame) { return; }
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), this.spot(event));
    }, { passive: false });
    frame.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("themechange", () => this.later());
    new ResizeObserver(() => { if (this.count) { this.resize(); } }).observe(frame);
  }

  key(event) {
    const step = 60;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (moves[event.key]) { this.pan(...moves[event.key]); }
    else if (event.key === "+" || event.key === "=") { this.zoom(1.6); }
    else if (event.key === "-") { this.zoom(1 / 1.6); }
    else if (event.key === "0") { this.showAll(); }
    else { return; }
    event.preventDefault();
  }

  // A place on the map, and the same on the screen: what loads above may shift the map while it is dragged.
  spot(event) {
    const edge = this.frame.getBoundingClientRect();
    return [event.clientX - edge.left, event.clientY - edge.top, event.clientX, event.clientY];
  }

  down(event) {
    if (event.button) { return; }
    this.fingers.set(event.pointerId, this.spot(event));
    const draws = this.tool !== "pan";
    if (event.pointerType !== "touch" || draws) { this.frame.setPointerCapture(event.pointerId); }
    if (draws) { this.drawn = [this.spot(event)]; }
  }

  move(event) {
    const now = this.spot(event);
    const before = this.fingers.get(event.pointerId);
    if (!before) { this.point(now); return; }
    if (this.drawn) {
      if (this.tool === "box") { this.drawn[1] = now; } else { this.drawn.push(now); }
      paintOver(this);
    } else if (this.fingers.size === 2) {
      this.pinch(event.pointerId, now);
    } else if (event.pointerType !== "touch") {
      this.pan(now[2] - before[2], now[3] - before[3]);
    }
    this.fingers.set(event.pointerId, now);
  }

  pinch(moved, now) {
    const [still] = [...this.fingers].filter(([id]) => id !== moved).map(([, spot]) => spot);
    const was = this.fingers.get(moved);
    const distance = (one, two) => Math.hypot(one[0] - two[0], one[1] - two[1]) || 1;
    this.zoom(distance(now, still) / distance(was, still), [(now[0] + still[0]) / 2, (now[1] + still[1]) / 2]);
    this.pan((now[0] - was[0]) / 2, (now[1] - was[1]) / 2);
  }

  up(event) {
    this.fingers.delete(event.pointerId);
    const drawn = this.drawn;
    this.drawn = null;
    if (!drawn || event.type === "pointercancel") { paintOver(this); return; }
    this.finish(drawn);
    paintOver(this);
  }

  finish(drawn) {
    if (drawn.length < 2) { return; }
    const [left, right] = extent(drawn.map((spot) => spot[0]));
    const [top, bottom] = extent(drawn.map((spot) => spot[1]));
    if (right - left < 4 && bottom - top < 4) { return; }
    if (!this.picks) { this.showBox(left, top, right, bottom); this.use("pan"); return; }
    this.take(this.among(left, top, right, bottom, this.tool === "lasso" ? drawn : null));
  }

  // Cells in a box of the screen, and inside a drawn line if there is one.
  among(left, top, right, bottom, line) {
    const found = [];
    for (let at = 0; at < this.count; at++) {
      const x = this.screenX(this.longitude[at]), y = this.screenY(this.latitude[at]);
      if (this.state[at] === 255 || x < left || x > right || y < top || y > bottom) { continue; }
      if (!line || inside(line, x, y)) { found.push(this.refs[at]); }
    }
    return found;
  }

  inView() { return this.among(0, 0, this.width, this.height, null); }

  take(refs) {
    this.box.dispatchEvent(new CustomEvent("cellstaken", { detail: refs, bubbles: true }));
    this.told.textContent = refs.length === 1 ? "1 cell taken." : refs.length.toLocaleString("en") + " cells taken.";
  }

  screenX(longitude) { return (longitude - this.west) * this.scale; }
  screenY(latitude) { return (this.north - latitude) * this.scale / this.squeeze; }

  pan(dx, dy) {
    this.west -= dx / this.scale;
    this.north += dy * this.squeeze / this.scale;
    this.later();
  }

  zoom(factor, around) {
    const [x, y] = around || [this.width / 2, this.height / 2];
    const wanted = Math.min(Math.max(this.scale * factor, .5), MOST_ZOOM);
    this.west += x / this.scale - x / wanted;
    this.north -= (y / this.scale - y / wanted) * this.squeeze;
    this.scale = wanted;
    this.later();
  }

  showBox(left, top, right, bottom) {
    const west = this.west + left / this.scale, east = this.west + right / this.scale;
    const north = this.north - top * this.squeeze / this.scale, south = this.north - bottom * this.squeeze / this.scale;
    this.show(west, east, south, north, 0);
  }

  show(west, east, south, north, margin) {
    const wide = Math.max(east - west, .02), high = Math.max(north - south, .02);
    const room = 1 - 2 * margin;
    this.scale = Math.min(this.width * room / wide, this.height * room * this.squeeze / high, MOST_ZOOM);
    this.west = (west + east) / 2 - this.width / 2 / this.scale;
    this.north = (north + south) / 2 + this.height / 2 * this.squeeze / this.scale;
    this.later();
  }

  showAll() { this.showThose((state) => state !== 255); }
  showTouched() { if (!this.showThose((state) => state !== 255 && state !== 0)) { this.showAll(); } }

  showThose(wanted) {
    let west = Infinity, east = -Infinity, south = Infinity, north = -Infinity;
    for (let at = 0; at < this.count; at++) {
      if (!wanted(this.state[at])) { continue; }
      west = Math.min(west, this.longitude[at]); east = Math.max(east, this.longitude[at]);
      south = Math.min(south, this.latitude[at]); north = Math.max(north, this.latitude[at]);
    }
    if (west > east) { return false; }
    this.show(west, east, south, north, .08);
    return true;
  }

  resize() {
    const width = this.frame.clientWidth, height = this.frame.clientHeight;
    if (!width || (width === this.width && height === this.height)) { return; }
    const first = !this.width;
    this.width = width;
    this.height = height;
    this.ratio = Math.min(window.devicePixelRatio || 1, 2);
    for (const canvas of this.canvases) {
      canvas.width = Math.round(width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
    }
    const full = (this.canvases[1].width + 2 * MARGIN) * (this.canvases[1].height + 2 * MARGIN);
    this.pixels = new Uint32Array(full);
    this.stamps = null;
    if (first) { this.showFirst(); } else { this.later(); }
  }

  showFirst() { if (this.picks) { this.showAll(); } else { this.showTouched(); } }

  later() {
    if (this.asked || !this.width) { return; }
    this.asked = requestAnimationFrame(() => { this.asked = 0; this.paint(); });
  }

  paint() {
    const started = performance.now();
    paintGrid(this);
    paintCells(this);
    paintOver(this);
    this.box.dataset.paint = (performance.now() - started).toFixed(1);
    if (!this.box.dataset.drawn) { this.box.dataset.drawn = "yes"; }
  }

  point(spot) {
    const before = this.near;
    this.near = spot && this.count ? this.nearest(spot) : -1;
    if (this.near !== before) { paintOver(this); }
    this.tip.hidden = this.near < 0;
    if (this.near < 0) { return; }
    const x = this.screenX(this.longitude[this.near]), y = this.screenY(this.latitude[this.near]);
    this.tip.textContent = this.refs[this.near] + " · " + ORDER[this.state[this.near]];
    this.tip.style.left = Math.max(Math.min(x + 12, this.width - this.tip.offsetWidth - 4), 4) + "px";
    this.tip.style.top = Math.max(y - 30, 4) + "px";
  }

  // The cell nearest to a spot; of those as near, the one in the worst state.
  nearest([x, y]) {
    let best = -1, least = NEAR * NEAR;
    const longitude = this.west + x / this.scale, latitude = this.north - y * this.squeeze / this.scale;
    const k = this.scale * this.scale, flat = k / (this.squeeze * this.squeeze);
    for (let at = 0; at < this.count; at++) {
      const dx = this.longitude[at] - longitude, dy = this.latitude[at] - latitude;
      const far = dx * dx * k + dy * dy * flat - (this.state[at] === 255 ? -1e9 : this.state[at] * 4);
      if (far < least) { least = far; best = at; }
    }
    return best;
  }
}

async function read(address) {
  const answer = await fetch(address);
  if (!answer.ok) { throw new Error(address + " answered " + answer.status); }
  return answer.json();
}

async function start(box) {
  const started = performance.now();
  box.dataset.started = "yes";
  try {
    const block = box.querySelector('script[type="application/json"]');
    const told = block ? JSON.parse(block.textContent) : { states: {} };
    const [cells, said] = await Promise.all([read(box.dataset.cells), box.dataset.states ? read(box.dataset.states) : told]);
    const map = new CellMap(box);
    box.cellMap = map;
    map.fill(cells);
    map.states = said.states;
    map.mark(map.states);
    map.resize();
    box.dispatchEvent(new CustomEvent("cellmapready"));
    requestAnimationFrame(() => requestAnimationFrame(() => { box.dataset.readyAfter = (performance.now() - started).toFixed(0); }));
  } catch (error) {
    console.error(error);
    box.textContent = "The map could not be drawn; its cells are in the table.";
    box.dataset.failed = "yes";
  }
}

const seen = new IntersectionObserver(function (entries) {
  for (const entry of entries) {
    if (entry.isIntersecting) { seen.unobserve(entry.target); start(entry.target); }
  }
}, { rootMargin: "300px" });
for (const box of document.querySelectorAll(".cell-map")) { seen.observe(box); }
