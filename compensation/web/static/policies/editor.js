// The editor's page: its parts put together, what happens on each answer of the server, and the ways out.
import { CellBar } from "./cell_bar.js";
import { ColumnDialog } from "./column_dialog.js";
import { Decisions } from "./decisions.js";
import { CallError, announce, fill, h } from "./dom.js";
import { Names } from "./names.js";
import { CasesPane, FindingsPane, ProblemsPane, WhatIfPane } from "./panes.js";
import { aboutPart, measuresPart, parametersPart, rewardsPart, termsPart } from "./parts.js";
import { Store } from "./store.js";
import { TestsPart } from "./tests_part.js";
import { TextPane } from "./text_pane.js";

const page = document.getElementById("policy-editor");
const data = JSON.parse(document.getElementById("editor-data").textContent);
const addresses = page.dataset;
const store = new Store(data, addresses);
const names = new Names(store, data.forms.functions);
const bar = new CellBar();
const dialog = new ColumnDialog(names, data.forms.types);
const at = (id) => document.getElementById(id);

const decisions = new Decisions(store, names, at("part-decisions"), data.forms, bar, dialog);
const tests = new TestsPart(store, names, at("part-tests"), data.forms, bar);
const text = new TextPane(store, at("policy-text"), at("policy-gutter"));
const parts = [
  decisions, tests, text,
  rewardsPart(store, names, at("part-rewards"), data.forms),
  parametersPart(store, names, at("part-parameters"), data.forms, bar),
  measuresPart(store, names, at("part-measures"), data.forms),
  termsPart(store, names, at("part-terms"), data.forms),
  aboutPart(store, names, at("part-about"), data.forms),
];
const TAB_OF = { decisions: "decisions", rewards: "rewards", parameters: "parameters", measures: "measures", tests: "tests", layers: "terms", caps: "terms", "other credits": "terms", "correction text": "terms", sources: "about" };

// --- tabs

const tabs = [...document.querySelectorAll("[role=tab]")];

function openTab(name) {
  for (const tab of tabs) {
    const chosen = tab.dataset.part === name;
    tab.setAttribute("aria-selected", String(chosen));
    tab.classList.toggle("active", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    at("panel-" + tab.dataset.part).hidden = !chosen;
  }
  if (name === "text") { text.refresh(); }
}

for (const tab of tabs) {
  tab.addEventListener("click", () => openTab(tab.dataset.part));
  tab.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) { return; }
    const next = tabs[(tabs.indexOf(tab) + by + tabs.length) % tabs.length];
    openTab(next.dataset.part);
    next.focus();
  });
}

function goTo(problem) {
  const [list, index] = problem.path;
  const tab = store.outline ? TAB_OF[list] || (problem.path.length && list !== "explained" ? "about" : "text") : "text";
  openTab(tab);
  if (tab === "decisions" && decisions.goTo(problem.path)) { return; }
  if (tab === "tests" && typeof index === "number" && tests.goTo(problem.path)) { return; }
  const host = typeof index === "number" ? at("entry-" + list + "-" + index) : at("part-" + tab);
  const wrong = tab === "text" ? null : host && host.querySelector(".is-invalid");
  if (wrong) { wrong.focus(); return; }
  openTab("text");
  text.goTo(problem.line, problem.column);
}

// --- panes

const reasonDialog = h("dialog", { class: "column-dialog", "aria-labelledby": "reason-title" });
document.body.append(reasonDialog);

function askReason(then) {
  const input = h("textarea", { class: "form-control form-control-sm", rows: "3", required: true, id: "explained-why" });
  const take = (event) => {
    event.preventDefault();
    if (input.value.trim()) { reasonDialog.close(); then(input.value.replace(/\s+/g, " ").trim()); }
  };
  fill(reasonDialog, h("form", { method: "dialog", onsubmit: take }, h("h2", { id: "reason-title" }, "Why is it meant so?"),
    h("label", { class: "form-text d-block mb-1", for: "explained-why" }, "The reason is kept in the policy, for whoever approves it."), input,
    h("div", { class: "dialog-buttons" }, h("button", { class: "btn btn-sm btn-primary" }, "Keep the reason"),
      h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", onclick: () => reasonDialog.close() }, "Cancel"))));
  reasonDialog.showModal();
  input.focus();
}

const quoted = (value) => "'" + String(value).replace(/'/g, "''") + "'";
const findings = new FindingsPane(at("pane-findings"), addresses.findings, {
  rule(name, cells) {
    const card = decisions.card(name);
    const r = card.model.table.rules.length;
    openTab("decisions");
    card.model.addRule(cells, r);
    card.grid.refresh();
    card.grid.go(r, card.model.tests);
    announce("A rule for the gap was added; say what follows.");
  },
  explain(name, finding) {
    askReason((why) => explain(name, finding, why));
  },
  go(name, rule) { openTab("decisions"); decisions.card(name).grid.go(rule - 1, 0); },
});

// Kept in the policy beside the table: what is meant to be so, and why.
function explain(name, finding, why) {
  const [key, value] = Object.entries(finding)[0];
  const said = Array.isArray(value) ? "[" + value.join(", ") + "]" : "{" + Object.entries(value).map(([input, cell]) => quoted(input) + ": " + quoted(cell)).join(", ") + "}";
  const { index } = decisions.card(name);
  store.change("explanation", (outline) => {
    const { fields } = outline.lists.decisions[index];
    fields.explained = fields.explained && fields.explained.items ? fields.explained : { items: [] };
    fields.explained.items.push({ map: { [key]: typeof value === "object" ? { flow: said } : String(value), why } });
  });
}
const problems = new ProblemsPane(at("pane-problems"), store, goTo);
const cases = new CasesPane(at("pane-cases"), {
  show(rules) { decisions.mark(findings.marks(), rules); },
  go(index) { openTab("tests"); tests.grid.go(index, 0); },
});
const whatIf = new WhatIfPane(at("pane-what-if"), addresses.whatIf, data.places);
let loading = null;

// The quick answer is there; the slower panes follow, and a newer answer stops them.
function showReport() {
  const { report } = store;
  problems.show(report.problems);
  cases.show(report.tests);
  at("save").disabled = report.problems.length > 0;
  for (const tab of tabs) {
    const own = report.problems.filter((problem) => (TAB_OF[problem.path[0]] || "about") === tab.dataset.part).length;
    tab.querySelector(".tab-count").textContent = own && tab.dataset.part !== "text" ? " " + own : "";
  }
  if (loading) { loading.abort(); }
  if (report.problems.length) { findings.stale(); whatIf.stale(); return; }
  loading = new AbortController();
  const { signal } = loading;
  whatIf.load(store.text, signal);
  findings.load(store.text, signal).then(() => { if (!signal.aborted) { decisions.mark(findings.marks(), {}); } });
}

function refresh() {
  page.classList.toggle("is-unreadable", !store.outline);
  if (store.outline) { parts.forEach((part) => part.refresh()); } else { openTab("text"); text.refresh(); }
  at("undo").disabled = !store.done.length;
  at("redo").disabled = !store.undone.length;
}

function say(words, kind = "") {
  at("kept").textContent = words;
  at("kept").className = "kept-state " + kind;
}

store.addEventListener("change", () => { refresh(); say("Typing…"); });
store.addEventListener("sending", () => say("Checking…"));
store.addEventListener("report", () => { refresh(); showReport(); say("Kept", "is-kept"); });
store.addEventListener("failed", (event) => say(event.detail.message, "is-wrong"));
store.addEventListener("moved", (event) => ask(event.detail.message, [
  ["Open it again", () => window.location.reload()],
  ["Keep what stands here", () => { clearQuestion(); store.takeOver(event.detail.now); }],
]));

// --- questions and ways out

function clearQuestion() { fill(at("editor-question")); }

function ask(words, choices) {
  fill(at("editor-question"), h("div", { class: "alert alert-warning", role: "alert" }, h("p", {}, words),
    h("div", { class: "d-flex gap-2 flex-wrap" }, choices.map(([label, act]) => h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", onclick: act }, label)))));
  at("editor-question").scrollIntoView({ block: "nearest" });
}

async function save() {
  at("save").disabled = true;
  try {
    const answer = await store.save();
    window.removeEventListener("beforeunload", warn);
    window.location.assign(answer.location);
  } catch (error) {
    at("save").disabled = false;
    const now = error instanceof CallError ? error.answer.now : null;
    const choices = now ? [["Save on top of version " + now, () => { clearQuestion(); store.newest = now; save(); }]] : [];
    ask(error.message, [...choices, ["Go on", clearQuestion]]);
  }
}

function warn(event) { if (!store.isKept) { event.preventDefault(); } }

at("save").addEventListener("click", save);
at("undo").addEventListener("click", () => store.undo());
at("redo").addEventListener("click", () => store.redo());
window.addEventListener("beforeunload", warn);
window.addEventListener("visibilitychange", () => { if (document.hidden) { store.sync(); } });
document.addEventListener("keydown", (event) => {
  const control = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  const typing = event.target.matches("textarea, input:not(.cell-input), select") && event.target.id !== "";
  if (!control || event.target.matches(".cell-input") || (typing && event.target.matches("textarea"))) { return; }
  if (key === "z" || key === "y") {
    event.preventDefault();
    if (document.activeElement.matches("input")) { document.activeElement.blur(); }
    if (key === "y" || event.shiftKey) { store.redo(); } else { store.undo(); }
  } else if (key === "s") {
    event.preventDefault();
    store.sync();
  }
});

// A link may name the place: #decision=owed&rule=3, #case=2 or the name of a tab.
function openPlace() {
  const place = new URLSearchParams(window.location.hash.slice(1));
  const card = place.get("decision") && decisions.card(place.get("decision"));
  if (card && card.grid) {
    card.element.scrollIntoView({ block: "start" });
    card.grid.go(Number(place.get("rule") || 1) - 1, 0);
  } else if (place.has("case")) {
    openTab("tests");
    tests.grid.go(Number(place.get("case")), 0);
  } else if (tabs.some((tab) => tab.dataset.part === window.location.hash.slice(1))) {
    openTab(window.location.hash.slice(1));
  }
}

openTab("decisions");
refresh();
showReport();
openPlace();
page.dataset.ready = "yes";
