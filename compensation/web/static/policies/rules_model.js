// A decision table as the rows and columns of a grid: each change is one step of the outline that can be undone.
import { friendly, shortType } from "./names.js";

const SIDE_NAMES = { test: "When", result: "Then", note: "" };

export class RulesModel {
  constructor(store, names, index, openColumn) {
    Object.assign(this, { store, names, index, openColumn });
    this.sideNames = SIDE_NAMES;
  }

  get entry() { return this.store.entries("decisions")[this.index]; }

  get table() { return this.entry.fields.table; }

  get label() { return "Rules of " + this.entry.fields.name; }

  get tests() { return this.table.inputs.length; }

  get width() { return this.tests + this.table.outputs.length; }

  // --- what the grid shows

  columns() {
    const tests = this.table.inputs.map((input) => {
      const found = this.names.column(input.expression);
      const detail = [found.type, found.unit && found.unit !== found.type ? found.unit : "", input.values ? "of " + input.values : ""].filter(Boolean).join(" · ");
      return { title: input.expression, detail, meaning: found.meaning || "", side: "test", type: found.type };
    });
    const results = this.table.outputs.map((output) => {
      const detail = [shortType(output.type), output.values ? "of " + output.values : "", output.default ? "else " + output.default : ""].filter(Boolean).join(" · ");
      return { title: output.name, detail, side: "result", type: output.type };
    });
    return [...tests, ...results, { title: "Note", detail: "source or reason", side: "note", type: "", fixed: true }];
  }

  rows() {
    return this.table.rules.map((rule) => [...rule.tests, ...rule.results, rule.note]);
  }

  spot(c) {
    if (c < this.tests) { return ["tests", c]; }
    return c < this.width ? ["results", c - this.tests] : ["note", 0];
  }

  problem(r, c) {
    const [side, place] = this.spot(c);
    const start = ["decisions", this.index, "table", ...(r < 0 ? ["head"] : ["rules", r]), side, place];
    return this.store.problemsAt(...start)[0] || null;
  }

  mark(r) {
    const marks = (this.findings && this.findings[r + 1]) || [];
    return [...marks, this.shown && this.shown.includes(r + 1) ? "shown" : ""].filter(Boolean).map((mark) => "rule-" + mark).join(" ");
  }

  blank(c) { return c < this.tests ? "-" : ""; }

  tidy(r, c, text) {
    const [side, place] = this.spot(c);
    if (side === "note") { return text.replace(/\s+/g, " ").trim(); }
    const type = side === "tests" ? this.names.column(this.table.inputs[place].expression).type : this.table.outputs[place].type;
    const cell = closed(friendly(text.replace(/\t/g, " "), type, this.names));
    return side === "tests" && cell === "" ? "-" : cell;
  }

  suggest(r, c) {
    const [side, place] = this.spot(c);
    if (side === "note") { return null; }
    if (side === "tests") {
      const input = this.table.inputs[place];
      return this.names.suggestTest(this.index, input.expression, input.values);
    }
    const used = this.table.rules.map((rule) => rule.results[place]);
    return this.names.suggestResult(this.index, this.table.outputs[place], used);
  }

  // --- steps

  step(label, edit, merge = null) {
    this.store.change(label, (outline) => edit(outline.lists.decisions[this.index].fields.table), merge);
  }

  write(cells, label) {
    this.step(label, (table) => {
      for (const { r, c, text } of cells) {
        while (table.rules.length <= r) { table.rules.push(this.rule()); }
        const [side, place] = this.spot(c);
        if (side === "note") { table.rules[r].note = text; } else { table.rules[r][side][place] = text; }
      }
    });
  }

  rule(tests = null) {
    return { tests: tests || this.table.inputs.map(() => "-"), results: this.table.outputs.map(() => ""), note: "" };
  }

  addRows(at, many) {
    this.step("add rule", (table) => { table.rules.splice(at, 0, ...Array.from({ length: many }, () => this.rule())); });
  }

  addRule(tests, at) {
    this.step("rule for a gap", (table) => { table.rules.splice(at, 0, this.rule(tests)); });
  }

  removeRows(at, many) {
    this.step("delete rule", (table) => {
      table.rules.splice(at, many);
      if (!table.rules.length) { table.rules.push(this.rule()); }
    });
  }

  copyRows(at, many) {
    this.step("copy rule", (table) => { table.rules.splice(at + many, 0, ...structuredClone(table.rules.slice(at, at + many))); });
  }

  moveRows(at, many, to) {
    this.step("move rule", (table) => { table.rules.splice(to, 0, ...table.rules.splice(at, many)); });
  }

  // Columns move within their side.
  moveColumn(from, to) {
    const [side, place] = this.spot(from);
    const [other, wanted] = this.spot(Math.max(0, to));
    if (side === "note" || other !== side || to < 0) { return false; }
    this.step("move column", (table) => {
      const heads = side === "tests" ? table.inputs : table.outputs;
      heads.splice(wanted, 0, ...heads.splice(place, 1));
      for (const rule of table.rules) { rule[side].splice(wanted, 0, ...rule[side].splice(place, 1)); }
    });
    return true;
  }

  addColumn(side, place, head) {
    this.step("add column", (table) => {
      (side === "tests" ? table.inputs : table.outputs).splice(place, 0, head);
      for (const rule of table.rules) { rule[side].splice(place, 0, side === "tests" ? "-" : ""); }
    });
  }

  changeColumn(c, head) {
    const [side, place] = this.spot(c);
    this.step("change column", (table) => { Object.assign((side === "tests" ? table.inputs : table.outputs)[place], head); });
  }

  canRemove(c) {
    const [side] = this.spot(c);
    return side !== "note" && (side === "tests" ? this.table.inputs : this.table.outputs).length > 1;
  }

  removeColumn(c) {
    const [side, place] = this.spot(c);
    this.step("delete column", (table) => {
      (side === "tests" ? table.inputs : table.outputs).splice(place, 1);
      for (const rule of table.rules) { rule[side].splice(place, 1); }
    });
  }
}

// An open quote would swallow the cells beside it, and a bare bar would part this one: the server does the same.
function closed(cell) {
  let text = cell;
  // A backslash at the end takes the first quote for itself.
  while (scan(text).open) { text += '"'; }
  return scan(text).bar ? '"' + text.replace(/\\/g, "\\\\").replace(/"/g, '\\"') + '"' : text;
}

function scan(text) {
  let open = false;
  let bar = false;
  for (let index = 0; index < text.length; index += 1) {
    if (open && text[index] === "\\") { index += 1; continue; }
    if (text[index] === '"') { open = !open; }
    bar = bar || (!open && text[index] === "|");
  }
  return { open, bar };
}
