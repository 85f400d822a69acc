// The worked cases as a grid: what is given, what is expected, and how each came out.
import { fill, h, option } from "./dom.js";
import { shown } from "./fields.js";
import { Grid } from "./grid.js";

const SIDE_NAMES = { plain: "", test: "Given", result: "Expected" };

class TestsModel {
  constructor(store, names, forms) {
    Object.assign(this, { store, names, forms, sideNames: SIDE_NAMES, added: [], label: "Worked cases" });
  }

  get entries() { return this.store.entries("tests"); }

  // Name and tag, then each fact that some case gives, then each reward's fields, text and outcome.
  spots() {
    const facts = new Set();
    const rewards = new Map();
    for (const { fields } of this.entries) {
      for (const name of Object.keys((fields.given && fields.given.map) || {})) { facts.add(name); }
      for (const [name, values] of Object.entries((fields.expect && fields.expect.rewards) || {})) {
        if (!rewards.has(name)) { rewards.set(name, new Set()); }
        Object.keys(values).forEach((field) => rewards.get(name).add(field));
      }
    }
    for (const one of this.added) {
      if (one.fact) { facts.add(one.fact); } else if (!rewards.has(one.reward)) { rewards.set(one.reward, new Set([one.field])); } else { rewards.get(one.reward).add(one.field); }
    }
    const said = [...rewards].flatMap(([reward, fields]) => [...fields].map((field) => ({ reward, field })));
    return [{ own: "name" }, { own: "tag" }, ...[...facts].map((fact) => ({ fact })), ...said, { said: "text" }, { said: "outcome" }];
  }

  columns() {
    return this.spots().map((spot) => {
      if (spot.own === "tag") { return { title: "Tag", detail: "S, C or A", side: "plain", type: "", size: "narrow", fixed: true }; }
      if (spot.own) { return { title: "Case", detail: "", side: "plain", type: "", size: "wide", fixed: true }; }
      if (spot.fact) {
        const found = this.names.find(spot.fact);
        const { type, unit, meaning } = found || { type: "", unit: "", meaning: "" };
        return { title: spot.fact, detail: [type, unit].filter(Boolean).join(" · "), meaning, side: "test", type, fixed: true };
      }
      if (spot.said) { return { title: spot.said, detail: spot.said === "text" ? "name of the text" : "entitled, nothing, undetermined", side: "result", type: "", fixed: true }; }
      return { title: spot.reward, detail: spot.field, side: "result", type: "", fixed: true };
    });
  }

  rows() {
    const spots = this.spots();
    return this.entries.map(({ fields }) => spots.map((spot) => {
      const value = this.value(fields, spot);
      return value === null ? "null" : shown(value);
    }));
  }

  value(fields, spot) {
    if (spot.own) { return fields[spot.own] === null ? "" : fields[spot.own]; }
    if (spot.fact) { return fields.given && fields.given.map ? fields.given.map[spot.fact] : undefined; }
    if (spot.said) { return fields.expect && fields.expect.map ? fields.expect.map[spot.said] : undefined; }
    return ((fields.expect && fields.expect.rewards && fields.expect.rewards[spot.reward]) || {})[spot.field];
  }

  rowName(r) {
    const results = this.store.report.tests;
    return (results && results[r] && this.store.isKept ? (results[r].passed ? "✓ " : "✕ ") : "") + (r + 1);
  }

  mark(r) {
    const results = this.store.report.tests;
    return results && results[r] ? (results[r].passed ? "case-passed" : "case-failed") : "";
  }

  problem(r, c) {
    if (r < 0) { return null; }
    const spot = this.spots()[c];
    if (!spot) { return null; }
    if (spot.own) { return this.store.problemsAt("tests", r, spot.own)[0] || (spot.own === "name" ? this.store.problemsAt("tests", r).find((one) => one.path.length === 2) : null) || null; }
    if (spot.fact) { return this.store.problemsAt("tests", r, "given", spot.fact)[0] || null; }
    if (spot.said) { return this.store.problemsAt("tests", r, "expect", spot.said)[0] || null; }
    const found = this.store.problemsAt("tests", r, "expect", "rewards", spot.reward);
    return found.find((one) => one.path.length <= 5 || one.path[5] === spot.field) || null;
  }

  tidy(r, c, text) {
    const plain = text.replace(/\s+/g, " ").trim();
    return this.spots()[c] && this.spots()[c].own ? plain : plain.replace(/^"([^"]*)"$/, "$1");
  }

  blank() { return ""; }

  suggest(r, c) {
    const spot = this.spots()[c];
    const found = spot.fact ? this.names.find(spot.fact) : null;
    const values = found ? (found.type === "boolean" ? ["true", "false"] : found.allowed.map((one) => one.replace(/^"|"$/g, ""))) : [];
    const listed = spot.own === "tag" ? this.forms.tags : spot.said === "outcome" ? ["entitled", "nothing", "undetermined"] : values;
    if (!listed.length) { return null; }
    return (text) => ({ from: 0, to: text.length, items: listed.filter((one) => one !== text && one.startsWith(text)).map((one) => ({ text: one })) });
  }

  step(label, edit) {
    const spots = this.spots();
    this.store.change(label, (outline) => { outline.lists.tests = outline.lists.tests || []; edit(outline.lists.tests, spots); });
  }

  test(number) {
    return { from: null, key: null, fields: { name: "Case " + number, tag: "C", given: { map: {} }, expect: { map: {}, rewards: {} } } };
  }

  write(cells, label) {
    this.step(label, (tests, spots) => {
      for (const { r, c, text } of cells) {
        while (tests.length <= r) { tests.push(this.test(tests.length + 1)); }
        put(tests[r].fields, spots[c], text);
      }
    });
  }

  addRows(at, many) {
    this.step("add case", (tests) => { tests.splice(at, 0, ...Array.from({ length: many }, (_, index) => this.test(tests.length + 1 + index))); });
  }

  removeRows(at, many) { this.step("delete case", (tests) => { tests.splice(at, many); }); }

  moveRows(at, many, to) { this.step("move case", (tests) => { tests.splice(to, 0, ...tests.splice(at, many)); }); }

  copyRows(at, many) {
    this.step("copy case", (tests) => {
      const copies = structuredClone(tests.slice(at, at + many)).map((test) => ({ ...test, from: null, fields: { ...test.fields, name: shown(test.fields.name) + " (copy)" } }));
      tests.splice(at + many, 0, ...copies);
    });
  }
}

// An empty cell leaves the fact or the expectation out; `null` says that it is not known.
function put(fields, spot, text) {
  const value = text === "null" ? null : /^[[{]/.test(text) ? { flow: text } : text;
  const set = (map, key) => { if (text === "") { delete map[key]; } else { map[key] = value; } };
  if (spot.own) { fields[spot.own] = text; return; }
  if (spot.fact) { fields.given = fields.given && fields.given.map ? fields.given : { map: {} }; set(fields.given.map, spot.fact); return; }
  if (!fields.expect || !fields.expect.rewards) { fields.expect = { map: {}, rewards: {} }; }
  if (spot.said) { set(fields.expect.map, spot.said); return; }
  const reward = fields.expect.rewards[spot.reward] || {};
  set(reward, spot.field);
  if (Object.keys(reward).length) { fields.expect.rewards[spot.reward] = reward; } else { delete fields.expect.rewards[spot.reward]; }
}

export class TestsPart {
  constructor(store, names, host, forms, bar) {
    this.store = store;
    this.model = new TestsModel(store, names, forms);
    const box = h("div", { class: "sheet-box" });
    const tool = (label, title, act) => h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", title, onclick: act }, label);
    this.grid = null;
    const rows = () => { const { top, bottom } = this.grid.range(); return [Math.max(top, 0), Math.max(bottom - top + 1, 1)]; };
    this.facts = h("select", { class: "form-select form-select-sm", "aria-label": "Add a given fact", onchange: () => this.add(this.facts) });
    this.rewards = h("select", { class: "form-select form-select-sm", "aria-label": "Add an expected reward", onchange: () => this.add(this.rewards) });
    this.names = names;
    this.forms = forms;
    fill(host,
      h("p", { class: "text-body-secondary small" }, "One row is one worked case: what is known of a line, and what it must get. "
        + "A fact left empty is not known. Tag S: the number stands in the source; C: it follows from it; A: it rests on an assumption."),
      h("div", { class: "sheet-tools", role: "toolbar", "aria-label": "Worked cases" },
        tool("+ Case", "Add a case (Ctrl+Enter)", () => this.grid.rowStep("addRows", this.grid.rows.length, 1)),
        tool("Duplicate", "Copy the chosen cases (Ctrl+Shift+D)", () => this.grid.rowStep("copyRows", ...rows())),
        tool("Delete", "Delete the chosen cases (Ctrl+Delete)", () => this.grid.rowStep("removeRows", ...rows())),
        h("span", { class: "tools-gap" }), this.facts, this.rewards),
      h("div", { class: "sheet-frame" }, box));
    this.grid = new Grid(box, this.model, bar);
    this.refresh();
  }

  add(menu) {
    if (menu.value) { this.model.added.push(JSON.parse(menu.value)); this.grid.refresh(); }
    this.refresh();
  }

  refresh() {
    this.grid.refresh();
    const has = new Set(this.model.spots().map((spot) => JSON.stringify(spot)));
    const facts = this.names.all.filter((one) => ["fact", "attribute", "measure"].includes(one.kind)).map((one) => ({ label: one.name, spot: { fact: one.name } }));
    const rewards = this.store.entries("rewards").flatMap(({ fields }) => {
      const kind = this.forms.rewards.kinds.find((one) => one.name === shown(fields.kind));
      const sizes = kind && kind.fields.length ? kind.fields.map((one) => one.name) : [""];
      return sizes.map((field) => ({ label: shown(fields.name) + (field ? ", " + field : ""), spot: { reward: shown(fields.name), field } }));
    });
    const list = (menu, title, items) => fill(menu, option("", "", title), items.filter((one) => !has.has(JSON.stringify(one.spot))).map((one) => option(JSON.stringify(one.spot), "", one.label)));
    const lost = [{ label: "lost intervals", spot: { fact: "lost" } }, { label: "lost before, in earlier incidents", spot: { fact: "lost before" } }];
    list(this.facts, "+ given…", [...facts, ...lost]);
    list(this.rewards, "+ expected…", rewards);
  }

  goTo(path) {
    const [, , part, name, reward] = path;
    const c = this.model.spots().findIndex((spot) => (spot.own && part === spot.own) || (spot.fact && part === "given" && name === spot.fact)
      || (spot.said && name === spot.said) || (spot.reward && name === "rewards" && reward === spot.reward));
    this.grid.go(path[1], Math.max(c, 0));
    return true;
  }
}
