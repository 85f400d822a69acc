// The decisions of a policy, one card each: its name, its hit policy, and its rules in a grid with a toolbar.
import { fill, h, option } from "./dom.js";
import { FieldBox, fieldPlace, shown } from "./fields.js";
import { Grid } from "./grid.js";
import { expressionBox } from "./parts.js";
import { RulesModel } from "./rules_model.js";

export class Decisions {
  constructor(store, names, host, forms, bar, dialog) {
    Object.assign(this, { store, names, host, forms, bar, dialog });
    this.cards = [];
    this.signature = null;
    this.refresh();
  }

  shape() {
    return JSON.stringify(this.store.entries("decisions").map(({ fields }) => (fields.table ? (fields.table.rules ? "table" : "raw") : "expression")));
  }

  refresh() {
    const shape = this.shape();
    if (shape !== this.signature) { this.signature = shape; this.build(); }
    this.cards.forEach((card) => card.refresh());
  }

  build() {
    this.cards.forEach((card) => card.end && card.end());
    this.cards = this.store.entries("decisions").map((entry, index) => new DecisionCard(this, index));
    const add = (label, fields) => h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", onclick: () => this.add(fields) }, label);
    fill(this.host, this.cards.map((card) => card.element),
      this.cards.length ? null : h("p", { class: "text-body-secondary" }, "No table yet. A table asks a few things about a line and its outage, and says what follows."),
      h("div", { class: "d-flex gap-2 flex-wrap" }, add("Add a table", () => ({
        "hit policy": "U",
        table: {
          inputs: [{ expression: "payment type", values: "" }],
          outputs: [{ name: "owed", type: "boolean", values: "", default: "" }],
          rules: [{ tests: ["-"], results: ["true"], note: "" }],
          note: "",
        },
      })), add("Add a formula", () => ({ expression: "" }))));
  }

  add(fields) {
    const taken = new Set(this.store.entries("decisions").map((entry) => shown(entry.fields.name)));
    let name = "new table";
    for (let number = 2; taken.has(name); number += 1) { name = "new table " + number; }
    this.store.change("add decision", (outline) => { (outline.lists.decisions = outline.lists.decisions || []).push({ from: null, key: null, fields: { name, ...fields() } }); });
    const card = this.cards[this.cards.length - 1];
    card.element.scrollIntoView({ block: "nearest" });
    card.name.input.focus();
    card.name.input.select();
  }

  // The findings of the geometry and the rules of a shown case, by decision.
  mark(findings, shownRules) {
    for (const card of this.cards) {
      if (!card.grid) { continue; }
      const name = shown(card.model.entry.fields.name);
      card.model.findings = findings[name] || {};
      card.model.shown = shownRules[name] || [];
      card.grid.marks();
    }
  }

  card(name) { return this.cards.find((card) => shown(this.store.entries("decisions")[card.index].fields.name) === name); }

  goTo(path) {
    const card = this.cards[path[1]];
    if (!card) { return false; }
    const [, , part, where, r, side, place] = path;
    if (card.grid && part === "table" && where) {
      const rest = where === "head" ? [-1, r, side] : [r, side, place];
      const c = rest[1] === "tests" ? rest[2] : card.model.tests + (rest[1] === "results" ? rest[2] : card.model.width - card.model.tests);
      card.grid.go(rest[0], c);
      return true;
    }
    const input = card.element.querySelector("[aria-invalid=true], .is-invalid, input");
    if (input) { input.focus(); }
    return true;
  }
}

// A mapping or list on one line without the quotes that keep its cells together.
function plainly(flow) {
  return flow.replace(/^[[{]|[\]}]$/g, "").replace(/'((?:[^']|'')*)'/g, (_, inner) => inner.replace(/''/g, "'"));
}

class DecisionCard {
  constructor(list, index) {
    Object.assign(this, { list, index, store: list.store });
    const { fields } = this.store.entries("decisions")[index];
    const box = (spec) => new FieldBox(this.store, null, spec, fieldPlace(this.store, "decisions", index, spec));
    this.name = box({ name: "name", required: true });
    this.meaning = box({ name: "meaning", hint: "", wide: true });
    this.boxes = [this.name, this.meaning];
    const body = fields.table ? this.tableBody(fields) : this.expressionBody();
    this.element = h("section", { class: "decision-card", id: "entry-decisions-" + index, "aria-label": "Decision " + (index + 1) },
      h("div", { class: "decision-head" }, h("h3", { class: "decision-number" }, h("span", { class: "visually-hidden" }, "Decision "), String(index + 1)), this.boxes.map((one) => one.element), this.buttons()), body);
  }

  tableBody(fields) {
    if (!fields.table.rules) {
      return h("p", { class: "alert alert-warning mb-0" }, "The lines of this table do not have the same number of cells. Put it right under “Text”.");
    }
    const labels = Object.fromEntries(this.list.forms.hit_policies.map((one) => [one.value, one.label]));
    const spec = { name: "hit policy", label: "When several rules match", required: true, choices: Object.keys(labels), labels };
    const hit = new FieldBox(this.store, null, spec, fieldPlace(this.store, "decisions", this.index, spec));
    hit.element.classList.add("hit-policy");
    this.boxes.push(hit);
    const box = h("div", { class: "sheet-box" });
    const open = (c, adding) => this.list.dialog.open(this.model, c, () => { this.grid.refresh(); this.grid.select(); }, adding);
    this.model = new RulesModel(this.store, this.list.names, this.index, (c) => open(c, null));
    this.grid = new Grid(box, this.model, this.list.bar);
    this.findings = h("div", { class: "findings", "aria-live": "polite" });
    return h("div", { class: "decision-body" }, hit.element, this.toolbar(open), h("div", { class: "sheet-frame" }, box), this.findings);
  }

  expressionBody() {
    this.expression = expressionBox(this.store, this.list.names, this.index);
    this.boxes.push(this.expression);
    return this.expression.element;
  }

  toolbar(open) {
    const rows = () => { const { top, bottom } = this.grid.range(); return [Math.max(top, 0), Math.max(bottom - Math.max(top, 0) + 1, 1)]; };
    const tool = (label, title, act) => h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", title, onclick: act }, label);
    return h("div", { class: "sheet-tools", role: "toolbar", "aria-label": "Rules and columns" },
      tool("+ Rule", "Add a rule below (Ctrl+Enter)", () => { const [top, many] = rows(); this.grid.rowStep("addRows", top + many, 1); }),
      tool("Duplicate", "Copy the chosen rules (Ctrl+Shift+D)", () => this.grid.rowStep("copyRows", ...rows())),
      tool("↑", "Move up (Alt+Up)", () => this.grid.rowStep("moveRows", ...rows(), -1)),
      tool("↓", "Move down (Alt+Down)", () => this.grid.rowStep("moveRows", ...rows(), 1)),
      tool("Delete", "Delete the chosen rules (Ctrl+Delete)", () => this.grid.rowStep("removeRows", ...rows())),
      h("span", { class: "tools-gap" }),
      tool("+ Question", "Add a column that asks something", () => open(null, "tests")),
      tool("+ Result", "Add a column that says what follows", () => open(null, "results")),
      tool("Column…", "Change, move or delete the chosen column", () => this.model.openColumn(this.grid.active.c)));
  }

  buttons() {
    const button = (label, sign, act) => h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", "aria-label": label, title: label, onclick: act }, sign);
    const move = (by) => this.store.change("move decision", (outline) => {
      const all = outline.lists.decisions;
      if (this.index + by < 0 || this.index + by >= all.length) { return false; }
      all.splice(this.index + by, 0, ...all.splice(this.index, 1));
      return true;
    });
    return h("div", { class: "entry-buttons" }, button("Move the decision up", "↑", () => move(-1)), button("Move the decision down", "↓", () => move(1)),
      button("Delete the decision", "✕", () => this.store.change("delete decision", (outline) => { outline.lists.decisions.splice(this.index, 1); })));
  }

  refresh() {
    this.boxes.forEach((one) => one.refresh());
    if (this.grid) { this.grid.refresh(); this.showExplained(); }
  }

  // What the author means to be so: gaps, overlaps and rules that never count, each with its reason.
  showExplained() {
    const { fields } = this.store.entries("decisions")[this.index];
    const items = (fields.explained && fields.explained.items) || [];
    const shape = JSON.stringify([items, this.store.problemsAt("decisions", this.index, "explained")]);
    if (shape === this.explainedShape) { return; }
    this.explainedShape = shape;
    fill(this.findings, items.length ? h("h4", {}, "Meant so") : null, h("ul", { class: "explained-list" }, items.map((item, place) => this.explained(item, place))));
  }

  explained(item, place) {
    const { why, ...what } = item.map || {};
    const said = Object.entries(what).map(([key, value]) => key + ": " + plainly(shown(value))).join("; ");
    const problem = this.store.problemsAt("decisions", this.index, "explained", place)[0];
    const remove = () => this.store.change("explanation", (outline) => {
      const { fields } = outline.lists.decisions[this.index];
      fields.explained.items.splice(place, 1);
      if (!fields.explained.items.length) { delete fields.explained; }
    });
    return h("li", {}, h("span", { class: "explained-what" }, said), h("span", {}, shown(why)),
      problem ? h("span", { class: "field-error" }, problem.what) : null,
      h("button", { type: "button", class: "btn btn-sm btn-link", "aria-label": "Take the explanation away: " + said, onclick: remove }, "take away"));
  }

  end() { this.boxes.forEach((one) => one.end && one.end()); }
}
