// The parts of a policy that are forms: about it, parameters with dated values, measures, rewards, layers and caps.
import { Completion } from "./completion.js";
import { fill, h } from "./dom.js";
import { EntryList, FieldBox, headPlace, shown } from "./fields.js";
import { Grid } from "./grid.js";
import { friendly } from "./names.js";

function freshName(entries, start, of) {
  const taken = new Set(entries.map(of));
  let name = start;
  for (let number = 2; taken.has(name); number += 1) { name = start + " " + number; }
  return name;
}

// Day and value: from that day of the outage on, the value holds.
class DatedModel {
  constructor(store, index) { Object.assign(this, { store, index, sideNames: {} }); }

  get pairs() { const entry = this.store.entries("parameters")[this.index]; return (entry && entry.fields.values && entry.fields.values.pairs) || []; }

  get label() { const entry = this.store.entries("parameters")[this.index]; return "Values of " + (entry ? entry.key : ""); }

  columns() { return [{ title: "From", detail: "day of the outage", side: "plain", type: "" }, { title: "Value", detail: "", side: "plain", type: "" }]; }

  rows() { return this.pairs.map(([day, value]) => [day, value === null ? "" : shown(value)]); }

  problem(r, c) {
    const at = ["parameters", this.index, "values"];
    if (r < 0) { return this.store.problemsAt(...at).find((one) => one.path.length === 3) || null; }
    return (c === 1 && this.pairs[r] && this.store.problemsAt(...at, this.pairs[r][0])[0]) || null;
  }

  tidy(r, c, text) { return text.trim(); }

  blank() { return ""; }

  suggest() { return null; }

  step(label, edit) {
    this.store.change(label, (outline) => {
      const { fields } = outline.lists.parameters[this.index];
      if (!fields.values || !fields.values.pairs) { fields.values = { pairs: [] }; }
      edit(fields.values.pairs);
    });
  }

  write(cells, label) {
    this.step(label, (pairs) => {
      for (const { r, c, text } of cells) {
        while (pairs.length <= r) { pairs.push(["", ""]); }
        if (c < 2) { pairs[r][c] = text; }
      }
    });
  }

  addRows(at, many) { this.step("add value", (pairs) => { pairs.splice(at, 0, ...Array.from({ length: many }, () => ["", ""])); }); }

  removeRows(at, many) { this.step("delete value", (pairs) => { pairs.splice(at, many); if (!pairs.length) { pairs.push(["", ""]); } }); }

  moveRows(at, many, to) { this.step("move value", (pairs) => { pairs.splice(to, 0, ...pairs.splice(at, many)); }); }
}

export function parametersPart(store, names, host, forms, bar) {
  const inForce = () => { const map = store.outline && store.outline.head["in force"]; return (map && map.map && shown(map.map.from)) || ""; };
  return new EntryList(store, names, host, {
    list: "parameters",
    keyed: true,
    special: ["values"],
    title: (entry) => entry.key || "new parameter",
    specs: () => forms.parameters,
    blank: (outline) => ({ key: freshName(outline.lists.parameters || [], "new parameter", (entry) => entry.key), fields: { unit: "", source: "", values: { pairs: [[inForce(), ""]] } } }),
    empty: "No parameter yet. A parameter is a value with a date, such as a daily rate, that cells read by its name.",
    add: "Add a parameter",
    extra: (index) => {
      const place = h("div", { class: "sheet-box is-small" });
      const model = new DatedModel(store, index);
      const grid = new Grid(place, model, bar);
      const element = h("div", { class: "dated" }, h("div", { class: "dated-head" }, "Values by the day of the outage",
        h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", onclick: () => grid.rowStep("addRows", grid.rows.length, 1) }, "+ value")), place);
      return { element, refresh: () => grid.refresh() };
    },
  });
}

export function measuresPart(store, names, host, forms) {
  return new EntryList(store, names, host, {
    list: "measures",
    title: (entry) => shown(entry.fields.name) || "new measure",
    specs: () => forms.measures,
    blank: (outline) => ({ fields: { name: freshName(outline.lists.measures || [], "new measure", (entry) => shown(entry.fields.name)), count: "days", of: "any" } }),
    empty: "No measure yet. A measure counts a line's lost time in a way of its own, such as days with more than twelve hours lost.",
    add: "Add a measure",
  });
}

export function rewardsPart(store, names, host, forms) {
  const kindOf = (entry) => forms.rewards.kinds.find((kind) => kind.name === shown(entry.fields.kind));
  const said = Object.fromEntries(forms.rewards.kinds.map((kind) => [kind.name, kind.name.replace(/_/g, " ") + ": " + kind.meaning]));
  const specs = (entry) => {
    const kind = kindOf(entry);
    return [{ name: "name", required: true }, { name: "kind", required: true, choices: forms.rewards.kinds.map((one) => one.name), labels: said, wide: true },
      ...(kind ? kind.fields : []), ...forms.rewards.common.map((spec) => (spec.name === "when" ? { ...spec, always: true } : spec))];
  };
  return new EntryList(store, names, host, {
    list: "rewards",
    title: (entry) => shown(entry.fields.name) || "new reward",
    specs,
    shape: (entry) => shown(entry.fields.kind),
    blank: (outline) => ({ fields: { name: freshName(outline.lists.rewards || [], "new reward", (entry) => shown(entry.fields.name)), kind: "bill_credit", amount: "" } }),
    empty: "No reward yet. A reward says what is given when a table says so.",
    add: "Add a reward",
  });
}

export function termsPart(store, names, host, forms) {
  const layers = h("div", {});
  const caps = h("div", {});
  const boxes = forms.terms.map((spec) => new FieldBox(store, null, spec, headPlace(store, spec)));
  fill(host, h("h3", {}, "Layers"), layers, h("h3", {}, "Caps"), caps, h("h3", {}, "Other credits and corrections"),
    h("div", { class: "entry-card" }, h("div", { class: "entry-fields" }, boxes.map((box) => box.element))));
  const plain = (list, title, specs, blank, empty, add, element) => new EntryList(store, names, element, { list, title, specs: () => specs, blank, empty, add });
  const parts = [
    plain("layers", (entry) => shown(entry.fields.name) || "new layer", forms.layers,
      () => ({ fields: { name: "", basis: "statutory" } }), "No layers: all rewards stand side by side.", "Add a layer", layers),
    plain("caps", (entry) => "Cap " + shown(entry.fields.amount), forms.caps, () => ({ fields: { amount: "", per: "line", over: "incident" } }), "No caps: nothing is cut off.", "Add a cap", caps),
  ];
  return { refresh: () => [...parts, ...boxes].forEach((part) => part.refresh()) };
}

// Title, dates, sources and limits.
export function aboutPart(store, names, host, forms) {
  const boxes = [
    ...forms.head.map((spec) => new FieldBox(store, names, spec, headPlace(store, spec))),
    new FieldBox(store, null, { name: "from", label: "in force from", hint: "first day of outages it answers for", required: true }, headPlace(store, { name: "from" }, "in force")),
    new FieldBox(store, null, { name: "to", label: "in force until before", hint: "first day it no longer does; empty: no end" }, headPlace(store, { name: "to" }, "in force")),
    new FieldBox(store, null, { name: "amount per line", label: "limit per line", hint: "past it, the result is stopped and not paid" }, headPlace(store, { name: "amount per line" }, "limits")),
    new FieldBox(store, null, { name: "total", label: "limit in total", hint: "past it, the result is stopped and not paid" }, headPlace(store, { name: "total" }, "limits")),
  ];
  const sources = h("div", {});
  fill(host, h("div", { class: "entry-card" }, h("div", { class: "entry-fields" }, boxes.map((box) => box.element))), h("h3", {}, "Sources"), sources);
  const list = new EntryList(store, null, sources, {
    list: "sources",
    title: (entry, index) => "Source " + (index + 1),
    specs: () => [{ name: "what", required: true, wide: true, hint: "what is taken from there" }, { name: "where", required: true, wide: true, hint: "clause, page, address, date" }],
    blank: () => ({ fields: { what: "", where: "" } }),
    empty: "No source yet. Every policy names at least one.",
    add: "Add a source",
  });
  return { refresh: () => { boxes.forEach((box) => box.refresh()); list.refresh(); } };
}

// A decision that is one expression and not a table.
export function expressionBox(store, names, index) {
  const input = h("textarea", { class: "form-control is-feel", rows: "3", spellcheck: "false", "aria-label": "Expression" });
  const error = h("div", { class: "field-error" });
  const entry = () => store.entries("decisions")[index];
  input.addEventListener("change", () => store.change("expression", (outline) => { outline.lists.decisions[index].fields.expression = friendly(input.value, "", names); }));
  const completion = new Completion(input, names.suggestName(index));
  const refresh = () => {
    if (document.activeElement !== input && entry()) { input.value = shown(entry().fields.expression); }
    const problem = store.problemsAt("decisions", index, "expression")[0];
    input.classList.toggle("is-invalid", Boolean(problem));
    fill(error, problem ? problem.what + (problem.accepted ? "; accepted: " + problem.accepted : "") : "");
  };
  refresh();
  return { element: h("div", {}, input, error), refresh, end: () => completion.end() };
}
