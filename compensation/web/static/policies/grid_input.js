// The input that opens in a cell: typed over or edited, taken by Enter or Tab, left by Escape.
import { Completion } from "./completion.js";
import { fill, h } from "./dom.js";

export class CellInput {
  constructor(grid, place, first) {
    this.grid = grid;
    this.place = { ...place };
    this.cell = grid.at(place);
    this.before = grid.rows[place.r][place.c];
    const label = grid.columns[place.c].title + ", row " + (place.r + 1);
    this.input = h("input", { class: "cell-input", "aria-label": label, spellcheck: "false", autocapitalize: "off" });
    // A width that was found for the text as it stood, so that the columns do not jump.
    this.cell.style.minWidth = this.cell.offsetWidth + "px";
    this.cell.classList.add("editing");
    fill(this.cell, this.input);
    this.input.value = first === null ? this.before : first;
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => setTimeout(() => { if (this.grid.editing === this) { this.commit(); } }));
    const suggest = grid.model.suggest(place.r, place.c);
    this.completion = suggest ? new Completion(this.input, suggest) : null;
    this.isTyping = first !== null;
    this.input.focus();
    this.input.setSelectionRange(this.input.value.length, this.input.value.length);
    if (this.completion) { this.completion.open(); }
  }

  key(event) {
    if (event.isComposing) { return; }
    if (this.completion && this.completion.wants(event)) {
      event.stopPropagation();
      if (event.key !== "Tab") { return; }
      this.completion.take(this.completion.chosen);
    }
    const moves = { Enter: { r: event.shiftKey ? -1 : 1, c: 0 }, Tab: { r: 0, c: event.shiftKey ? -1 : 1 } };
    // Typed over, the arrows go on to the next cell, as in a spreadsheet; opened by F2 or Enter they move the caret.
    if (this.isTyping) {
      Object.assign(moves, { ArrowUp: { r: -1, c: 0 }, ArrowDown: { r: 1, c: 0 } });
    }
    if (event.key === "Escape") { this.cancel(); } else if (event.key in moves) { this.commit(moves[event.key]); } else { event.stopPropagation(); return; }
    event.preventDefault();
    event.stopPropagation();
  }

  commit(by = { r: 0, c: 0 }) {
    const text = this.input.value;
    this.end();
    this.grid.committed(this.place, text, by);
  }

  cancel() {
    this.end();
    this.grid.editing = null;
    this.grid.draw(this.cell, this.before);
    this.grid.refresh();
    this.grid.go(this.place.r, this.place.c);
  }

  end() {
    this.cell.classList.remove("editing");
    this.cell.style.minWidth = "";
    if (this.completion) { this.completion.end(); }
  }
}
