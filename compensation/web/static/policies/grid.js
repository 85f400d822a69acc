// A grid that feels like a spreadsheet: cells, selection and keys. What a cell means is its model's business.
import { announce, fill, h } from "./dom.js";
import { CellInput } from "./grid_input.js";
import { attachDrag } from "./grid_drag.js";
import { parseTsv, writeTsv } from "./tsv.js";

export class Grid {
  constructor(host, model, bar) {
    this.host = host;
    this.model = model;
    this.bar = bar;
    this.active = { r: 0, c: 0 };
    this.anchor = { r: 0, c: 0 };
    this.editing = null;
    this.table = h("table", { class: "sheet", role: "grid", "aria-label": model.label, "aria-multiselectable": "true" });
    fill(host, this.table);
    this.listen();
    this.render();
  }

  // --- drawing

  refresh() {
    if (this.editing) { return; }
    const columns = this.model.columns();
    const rows = this.model.rows();
    const same = this.columns && rows.length === this.rows.length
      && JSON.stringify(columns) === JSON.stringify(this.columns);
    if (!same) { this.render(); return; }
    rows.forEach((row, r) => row.forEach((text, c) => {
      if (text !== this.rows[r][c]) { this.draw(this.cells[r][c], text); }
    }));
    this.rows = rows;
    this.marks();
  }

  render() {
    const hadFocus = this.table.contains(document.activeElement);
    this.columns = this.model.columns();
    this.rows = this.model.rows();
    this.heads = this.columns.map((column, c) => this.head(column, c));
    this.cells = this.rows.map((row) => row.map((text, c) => this.cell(text, c)));
    const lines = this.cells.map((cells, r) => h("tr", { "aria-rowindex": String(r + 2), "data-row": String(r) }, this.rowHead(r), cells));
    this.table.setAttribute("aria-rowcount", String(this.rows.length + 1));
    this.table.setAttribute("aria-colcount", String(this.columns.length));
    const corner = h("th", { class: "corner", scope: "col" }, h("span", { class: "visually-hidden" }, "Rule"));
    fill(this.table, h("thead", {}, this.sides(), h("tr", { "aria-rowindex": "1" }, corner, this.heads)), h("tbody", {}, lines));
    this.active = this.inside(this.active);
    this.anchor = this.inside(this.anchor);
    this.marks();
    this.select(hadFocus);
  }

  // One wide cell over the columns of a side: what is asked, what follows.
  sides() {
    const groups = [];
    for (const column of this.columns) {
      const last = groups[groups.length - 1];
      if (last && last.side === column.side) { last.span += 1; } else { groups.push({ side: column.side, span: 1 }); }
    }
    if (groups.every((group) => !group.side || group.side === "note")) { return null; }
    return h("tr", { class: "sides", "aria-hidden": "true" }, h("td", {}),
      groups.map((group) => h("td", { colspan: String(group.span), class: "side-" + group.side }, this.model.sideNames[group.side] || "")));
  }

  head(column, c) {
    const grip = this.model.moveColumn && !column.fixed ? h("span", { class: "grip", "data-grip-column": String(c), title: "Drag to move", "aria-hidden": "true" }, "⠿") : null;
    const name = "head side-" + column.side + (column.size ? " is-" + column.size : "");
    return h("th", { class: name, scope: "col", role: "columnheader", tabindex: "-1", "aria-colindex": String(c + 1) },
      grip, h("span", { class: "head-title" }, column.title || " "), column.detail ? h("span", { class: "head-detail" }, column.detail) : null);
  }

  rowHead(r) {
    return h("th", { class: "row-head", scope: "row", "data-grip-row": String(r), title: this.model.moveRows ? "Drag to move" : null }, this.model.rowName ? this.model.rowName(r) : String(r + 1));
  }

  cell(text, c) {
    const column = this.columns[c];
    const cell = h("td", { role: "gridcell", tabindex: "-1", class: "side-" + column.side + (column.size ? " is-" + column.size : ""), "aria-colindex": String(c + 1) });
    this.draw(cell, text);
    return cell;
  }

  draw(cell, text) {
    const isPlain = cell.classList.contains("side-note") || cell.classList.contains("side-plain");
    cell.classList.toggle("asks-nothing", !isPlain && (text === "-" || text === "null"));
    if (isPlain || !text.includes('"')) { cell.textContent = text; return; }
    fill(cell, text.split(/("(?:[^"\\]|\\.)*"?)/).filter(Boolean).map((part) => (part.startsWith('"') ? h("span", { class: "quoted" }, part) : part)));
  }

  // Problems and findings; drawn again whenever the server has answered.
  marks() {
    const show = (cell, problem) => {
      cell.classList.toggle("wrong", Boolean(problem));
      if (problem) { cell.setAttribute("aria-invalid", "true"); cell.title = problem.what; } else { cell.removeAttribute("aria-invalid"); cell.removeAttribute("title"); }
    };
    this.heads.forEach((head, c) => show(head, this.model.problem(-1, c)));
    this.cells.forEach((cells, r) => {
      cells.forEach((cell, c) => show(cell, this.model.problem(r, c)));
      const row = cells[0] && cells[0].parentElement;
      if (row) { row.className = this.model.mark ? this.model.mark(r) : ""; }
    });
    this.tellBar();
  }

  // --- where we are

  inside({ r, c }) {
    return { r: Math.max(-1, Math.min(r, this.rows.length - 1)), c: Math.max(0, Math.min(c, this.columns.length - 1)) };
  }

  at({ r, c }) { return r < 0 ? this.heads[c] : this.cells[r] && this.cells[r][c]; }

  range() {
    const { active, anchor } = this;
    return { top: Math.max(0, Math.min(active.r, anchor.r)), bottom: Math.max(active.r, anchor.r), left: Math.min(active.c, anchor.c), right: Math.max(active.c, anchor.c) };
  }

  select(focus = true) {
    for (const old of this.table.querySelectorAll(".picked, .active")) {
      old.classList.remove("picked", "active");
      old.setAttribute("aria-selected", "false");
    }
    for (const old of this.table.querySelectorAll('[tabindex="0"]')) { old.tabIndex = -1; }
    const { top, bottom, left, right } = this.range();
    for (let r = top; r <= bottom; r += 1) {
      for (let c = left; c <= right; c += 1) {
        this.cells[r][c].classList.add("picked");
        this.cells[r][c].setAttribute("aria-selected", "true");
      }
    }
    const cell = this.at(this.active);
    if (!cell) { return; }
    cell.classList.add("active");
    cell.tabIndex = 0;
    if (focus) { cell.focus({ preventScroll: true }); cell.scrollIntoView({ block: "nearest", inline: "nearest" }); }
    this.tellBar();
  }

  go(r, c, extend = false) {
    this.active = this.inside({ r, c });
    if (!extend || this.active.r < 0) { this.anchor = { ...this.active }; }
    this.select();
  }

  tellBar() { if (this.bar && this.table.contains(document.activeElement)) { this.bar.show(this); } }

  text({ r, c }) { return r < 0 ? this.columns[c].title : this.rows[r][c]; }

  // --- listening

  listen() {
    this.table.addEventListener("keydown", (event) => this.key(event));
    this.table.addEventListener("pointerdown", (event) => this.press(event));
    this.table.addEventListener("dblclick", (event) => { if (this.placeOf(event.target)) { this.edit(); } });
    this.table.addEventListener("focusin", () => this.tellBar());
    for (const kind of ["copy", "cut", "paste"]) { this.host.addEventListener(kind, (event) => this[kind](event)); }
    attachDrag(this);
  }

  placeOf(target) {
    const cell = target.closest && target.closest("td[role=gridcell], th.head");
    if (!cell || !this.table.contains(cell)) { return null; }
    const line = cell.parentElement.dataset.row;
    return { r: line === undefined ? -1 : Number(line), c: Number(cell.getAttribute("aria-colindex")) - 1 };
  }

  press(event) {
    const place = this.placeOf(event.target);
    if (!place || event.button !== 0 || event.target.closest(".grip") || (this.editing && this.editing.cell.contains(event.target))) { return; }
    if (this.editing) { this.editing.commit(); }
    if (event.pointerType === "touch") { this.touch(place, event); return; }
    event.preventDefault();
    this.go(place.r, place.c, event.shiftKey);
    const follow = (moved) => {
      const under = this.placeOf(document.elementFromPoint(moved.clientX, moved.clientY) || this.table);
      if (under && under.r >= 0 && (under.r !== this.active.r || under.c !== this.active.c)) { this.go(under.r, under.c, true); }
    };
    const stop = () => { window.removeEventListener("pointermove", follow); window.removeEventListener("pointerup", stop); };
    window.addEventListener("pointermove", follow);
    window.addEventListener("pointerup", stop);
  }

  // A finger scrolls; only a tap chooses, and the bar at the bottom edits.
  touch(place, event) {
    const lifted = (up) => {
      if (Math.hypot(up.clientX - event.clientX, up.clientY - event.clientY) > 8) { return; }
      this.go(place.r, place.c);
      if (place.r < 0 && this.model.openColumn) { this.model.openColumn(place.c); }
    };
    window.addEventListener("pointerup", lifted, { once: true });
    window.addEventListener("pointercancel", () => window.removeEventListener("pointerup", lifted), { once: true });
  }

  key(event) {
    if (this.editing || !this.placeOf(event.target)) { return; }
    if (this.command(event) || this.travel(event)) { event.preventDefault(); return; }
    if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey && this.active.r >= 0) {
      event.preventDefault();
      this.edit(event.key);
    }
  }

  travel(event) {
    const { r, c } = this.active;
    const jump = event.ctrlKey || event.metaKey;
    const last = this.rows.length - 1;
    const wide = this.columns.length - 1;
    const steps = {
      ArrowUp: [jump ? 0 : r - 1, c], ArrowDown: [jump ? last : r + 1, c],
      ArrowLeft: [r, jump ? 0 : c - 1], ArrowRight: [r, jump ? wide : c + 1],
      Home: [jump ? 0 : r, 0], End: [jump ? last : r, wide],
      PageUp: [Math.max(0, r - 12), c], PageDown: [r + 12, c],
    };
    if (event.altKey || !(event.key in steps)) { return event.key === "Tab" && this.tab(event.shiftKey); }
    this.go(...steps[event.key], event.shiftKey);
    return true;
  }

  // Through the cells in reading order; past either end the focus leaves the grid.
  tab(back) {
    const { r, c } = this.active;
    const next = r * this.columns.length + c + (back ? -1 : 1);
    const first = -this.columns.length;
    if (next < first || next >= this.rows.length * this.columns.length) { return false; }
    this.go(Math.floor(next / this.columns.length), ((next % this.columns.length) + this.columns.length) % this.columns.length);
    return true;
  }

  command(event) {
    const { key, shiftKey, altKey } = event;
    const control = event.ctrlKey || event.metaKey;
    const { top, bottom, left, right } = this.range();
    const rows = bottom - top + 1;
    if (key === "Enter" && control) { return this.rowStep("addRows", shiftKey ? top : bottom + 1, 1); }
    if (key === "F2" || key === "Enter") { this.edit(); return true; }
    if (key === "Delete" && control) { return this.rowStep("removeRows", top, rows); }
    if (key === "Delete" || key === "Backspace") { this.clear(); return true; }
    if (control && key.toLowerCase() === "d") { return shiftKey ? this.rowStep("copyRows", top, rows) : this.fillDown(); }
    if (control && key.toLowerCase() === "a") { this.anchor = { r: 0, c: 0 }; this.active = this.inside({ r: Infinity, c: Infinity }); this.select(); return true; }
    if (key === " " && shiftKey) { this.anchor = { r: this.active.r, c: 0 }; this.active = this.inside({ r: this.active.r, c: Infinity }); this.select(); return true; }
    if (altKey && (key === "ArrowUp" || key === "ArrowDown")) { return this.rowStep("moveRows", top, rows, key === "ArrowUp" ? -1 : 1); }
    if (altKey && shiftKey && (key === "ArrowLeft" || key === "ArrowRight")) { return this.columnStep(left, key === "ArrowLeft" ? -1 : 1); }
    if (key === "Escape" && right >= 0) { const button = this.host.parentElement.querySelector("button"); if (button) { button.focus(); } return true; }
    return false;
  }

  // --- changing

  rowStep(step, at, many, by = 0) {
    if (!this.model[step] || at < 0) { return true; }
    const to = at + by;
    if (step === "moveRows" && (to < 0 || to + many > this.rows.length)) { return true; }
    const c = this.active.c;
    if (step === "moveRows") { this.model.moveRows(at, many, to); } else { this.model[step](at, many); }
    const row = { addRows: at, copyRows: at + many, moveRows: to, removeRows: at }[step];
    this.refresh();
    this.anchor = this.inside({ r: row, c });
    this.active = this.inside({ r: step === "removeRows" ? row : row + many - 1, c });
    this.select();
    announce({ addRows: "Row added.", copyRows: "Row copied.", moveRows: "Row moved.", removeRows: "Row deleted." }[step]);
    return true;
  }

  columnStep(from, by) {
    if (!this.model.moveColumn || !this.model.moveColumn(from, from + by)) { return true; }
    this.refresh();
    this.go(this.active.r, from + by);
    announce("Column moved.");
    return true;
  }

  edit(first = null) {
    if (this.active.r < 0) { if (this.model.openColumn) { this.model.openColumn(this.active.c); } return; }
    this.editing = new CellInput(this, this.active, first);
  }

  // What was typed; `by` is where to go then.
  committed(place, text, by) {
    this.editing = null;
    const tidied = this.model.tidy(place.r, place.c, text);
    if (tidied !== this.rows[place.r][place.c]) { this.model.write([{ ...place, text: tidied }], "cell"); }
    this.refresh();
    this.draw(this.cells[place.r][place.c], this.rows[place.r][place.c]);
    this.go(place.r + by.r, place.c + by.c);
  }

  clear() {
    this.write((text, r, c) => this.model.blank(c), "clear");
  }

  fillDown() {
    const { top, bottom, left, right } = this.range();
    const source = top === bottom ? top - 1 : top;
    if (source < 0) { return true; }
    const cells = [];
    for (let r = source + 1; r <= bottom; r += 1) { for (let c = left; c <= right; c += 1) { cells.push({ r, c, text: this.rows[source][c] }); } }
    this.put(cells, "fill down");
    return true;
  }

  write(make, label) {
    const { top, bottom, left, right } = this.range();
    const cells = [];
    for (let r = top; r <= bottom; r += 1) { for (let c = left; c <= right; c += 1) { cells.push({ r, c, text: make(this.rows[r][c], r, c) }); } }
    this.put(cells, label);
  }

  put(cells, label) {
    if (cells.length) { this.model.write(cells, label); this.refresh(); this.select(); }
  }

  copy(event) {
    if (this.editing || !this.table.contains(document.activeElement)) { return; }
    const { top, bottom, left, right } = this.range();
    event.clipboardData.setData("text/plain", writeTsv(this.rows.slice(top, bottom + 1).map((row) => row.slice(left, right + 1))));
    event.preventDefault();
    announce("Copied.");
  }

  cut(event) {
    if (this.editing || !this.table.contains(document.activeElement)) { return; }
    this.copy(event);
    this.clear();
  }

  paste(event) {
    if (this.editing || !this.table.contains(document.activeElement)) { return; }
    event.preventDefault();
    const block = parseTsv(event.clipboardData.getData("text/plain"));
    const { top, bottom, left, right } = this.range();
    const height = Math.max(block.length, block.length === 1 ? bottom - top + 1 : 0);
    const width = Math.max(block[0].length, block[0].length === 1 && block.length === 1 ? right - left + 1 : 0);
    const cells = [];
    for (let r = 0; r < height; r += 1) {
      for (let c = 0; c < width && left + c < this.columns.length; c += 1) {
        const text = block[r % block.length][c % block[0].length];
        if (text !== undefined) { cells.push({ r: top + r, c: left + c, text: this.model.tidy(top + r, left + c, text) }); }
      }
    }
    this.put(cells, "paste");
    const lost = left + width - this.columns.length;
    announce(lost > 0 ? "Pasted; " + lost + " columns did not fit." : "Pasted.");
    this.anchor = this.inside({ r: top, c: left });
    this.active = this.inside({ r: top + height - 1, c: left + width - 1 });
    this.select();
  }
}
