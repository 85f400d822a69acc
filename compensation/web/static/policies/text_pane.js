// The policy as text, with line numbers and a mark at each line that has a problem.
import { fill, h } from "./dom.js";

export class TextPane {
  constructor(store, area, gutter) {
    Object.assign(this, { store, area, gutter });
    this.lines = 0;
    area.addEventListener("input", () => { store.setText(area.value); this.number(); });
    area.addEventListener("scroll", () => { gutter.scrollTop = area.scrollTop; });
    area.addEventListener("keydown", (event) => this.key(event));
    this.refresh();
  }

  // Tab indents, as an editor of texts does; Escape first lets it leave the field.
  key(event) {
    if (event.key === "Escape") { this.leaving = true; return; }
    if (event.key === "Tab" && !event.shiftKey && !this.leaving) {
      event.preventDefault();
      this.area.setRangeText("  ", this.area.selectionStart, this.area.selectionEnd, "end");
      this.store.setText(this.area.value);
    }
    this.leaving = false;
  }

  refresh() {
    if (this.area.value !== this.store.text && !(this.store.typed && document.activeElement === this.area)) { this.area.value = this.store.text; }
    this.number(true);
  }

  number(always = false) {
    const lines = this.area.value.split("\n").length;
    if (lines === this.lines && !always) { return; }
    this.lines = lines;
    const wrong = new Map(this.store.report.problems.map((problem) => [problem.line, problem.what]));
    fill(this.gutter, Array.from({ length: lines }, (_, index) => h("div", { class: wrong.has(index + 1) ? "line wrong" : "line", title: wrong.get(index + 1) || null }, String(index + 1))));
    this.gutter.scrollTop = this.area.scrollTop;
  }

  goTo(line, column) {
    const before = this.area.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    this.area.focus();
    this.area.setSelectionRange(before + column - 1, before + column - 1);
    this.area.scrollTop = Math.max(0, (line - 6) * parseFloat(getComputedStyle(this.area).lineHeight));
  }
}
