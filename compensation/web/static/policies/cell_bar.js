// The bar under a grid's head: where one is, what stands there, and what is wrong with it. On a phone it edits.
import { Completion } from "./completion.js";
import { fill, h } from "./dom.js";

export class CellBar {
  constructor() {
    this.place = h("span", { class: "bar-place" });
    this.input = h("input", { class: "form-control form-control-sm bar-input", spellcheck: "false", autocapitalize: "off", "aria-label": "Text of the cell" });
    this.said = h("div", { class: "bar-said", role: "status" });
    this.back = h("button", { type: "button", class: "btn btn-sm btn-outline-secondary bar-step", "aria-label": "Cell before", onclick: () => this.step(-1) }, "‹");
    this.next = h("button", { type: "button", class: "btn btn-sm btn-outline-secondary bar-step", "aria-label": "Next cell", onclick: () => this.step(1) }, "›");
    this.element = h("div", { class: "cell-bar", hidden: true }, h("div", { class: "bar-line" }, this.back, this.place, this.input, this.next), this.said);
    this.grid = null;
    this.completion = null;
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("change", () => this.commit());
  }

  show(grid) {
    const column = grid.columns[grid.active.c];
    const { r, c } = grid.active;
    const moved = this.grid !== grid || this.r !== r || this.c !== c;
    Object.assign(this, { grid, r, c });
    this.element.hidden = false;
    grid.host.before(this.element);
    this.place.textContent = r < 0 ? "Header" : (grid.model.rowName ? grid.model.rowName(r) : "Rule " + (r + 1)) + " · " + column.title;
    if (moved || document.activeElement !== this.input) { this.input.value = grid.text(grid.active); }
    this.input.readOnly = r < 0;
    if (moved) { this.renewCompletion(); }
    this.tell(grid.model.problem(r, c), column);
  }

  renewCompletion() {
    if (this.completion) { this.completion.end(); this.completion = null; }
    const suggest = this.r >= 0 ? this.grid.model.suggest(this.r, this.c) : null;
    if (suggest) { this.completion = new Completion(this.input, suggest); }
  }

  tell(problem, column) {
    this.said.classList.toggle("is-wrong", Boolean(problem));
    if (!problem) {
      fill(this.said, [column.meaning, column.detail].filter(Boolean).join(" · ") || " ");
      return;
    }
    const fix = problem.fix === null ? null : h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", onclick: () => this.take(problem) }, "Use “" + problem.instead + "”");
    fill(this.said, h("span", {}, "✕ " + problem.what), fix, problem.accepted && !fix ? h("span", { class: "accepted" }, "accepted: " + problem.accepted) : null);
  }

  take(problem) {
    const { grid, r, c } = this;
    grid.model.store.accept(problem);
    grid.refresh();
    grid.go(r, c);
  }

  key(event) {
    if (this.completion && this.completion.wants(event)) { return; }
    if (event.key === "Enter" || event.key === "Tab") {
      event.preventDefault();
      this.commit();
      this.grid.go(this.r + (event.key === "Enter" ? 1 : 0), this.c + (event.key === "Tab" ? (event.shiftKey ? -1 : 1) : 0));
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.input.value = this.grid.text({ r: this.r, c: this.c });
      this.grid.go(this.r, this.c);
    }
  }

  commit() {
    if (!this.grid || this.r < 0 || this.r >= this.grid.rows.length) { return; }
    const text = this.grid.model.tidy(this.r, this.c, this.input.value);
    if (text !== this.grid.rows[this.r][this.c]) {
      this.grid.model.write([{ r: this.r, c: this.c, text }], "cell");
      this.grid.refresh();
    }
  }

  // On a phone: on to the next cell, with the keyboard still there.
  step(by) {
    const typing = document.activeElement === this.input;
    this.commit();
    this.grid.tab(by < 0);
    if (typing) { this.input.focus(); this.input.select(); }
  }
}
