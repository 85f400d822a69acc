// Beside the tables: what is wrong, what the form of the tables leaves open, how the worked cases do, what it would cost.
import { CallError, badge, count, fill, h, post } from "./dom.js";
import { shown } from "./fields.js";

export class ProblemsPane {
  constructor(host, store, goTo) { Object.assign(this, { host, store, goTo }); }

  show(problems) {
    const items = problems.map((problem) => h("li", {}, h("button", { type: "button", class: "problem-link", onclick: () => this.goTo(problem) },
      h("span", { class: "problem-place" }, this.place(problem)), problem.what),
    problem.fix === null ? null : h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", onclick: () => this.store.accept(problem) }, "Use “" + problem.instead + "”")));
    fill(this.host, h("h2", {}, "Problems ", problems.length ? badge(String(problems.length), "bad") : badge("none", "ok")),
      problems.length ? h("ol", { class: "problem-list" }, items) : h("p", { class: "pane-calm" }, "Every name, type and amount is right."));
  }

  // Where it is, by the names that people gave.
  place(problem) {
    const [list, index, part, where, row] = problem.path;
    if (typeof index !== "number") { return list || "Line " + problem.line; }
    const entry = this.store.entries(list)[index];
    const name = (entry && (entry.key || shown(entry.fields.name))) || list.replace(/s$/, "") + " " + (index + 1);
    if (part === "table") { return name + (where === "rules" ? ", rule " + (row + 1) : where === "head" ? ", header" : ""); }
    return typeof part === "string" && part !== "name" ? name + ", " + part : name;
  }
}


export class FindingsPane {
  // act: { rule(decision, cells), explain(decision, finding), go(decision, rule) }
  constructor(host, address, act) { Object.assign(this, { host, address, act, found: null }); }

  async load(text, signal) {
    try {
      this.found = await post(this.address, { text }, signal);
      this.show();
    } catch (error) {
      if (error.name !== "AbortError") { this.say(error instanceof CallError ? error.message : "Not checked: the server cannot be reached."); }
    }
    return this.found;
  }

  say(text) { fill(this.host, h("h2", {}, "Gaps and overlaps"), h("p", { class: "pane-calm" }, text)); }

  stale() { this.host.classList.add("is-stale"); if (!this.found) { this.say("They are looked for as soon as nothing is wrong above."); } }

  show() {
    this.host.classList.remove("is-stale");
    const { decisions } = this.found;
    const total = decisions.reduce((sum, one) => sum + one.gaps.length + one.overlaps.length + one.conflicts.length + one.dead.length + one.shadowed.length, 0);
    const open = decisions.some((one) => !one.decided);
    fill(this.host, h("h2", {}, "Gaps and overlaps ", total ? badge(String(total), "warn") : open ? badge("not decided", "warn") : badge("none", "ok")),
      decisions.map((one) => this.decision(one)),
      total || open ? null : h("p", { class: "pane-calm" }, decisions.length ? "Every situation meets its rule." : "There is no table yet."));
  }

  decision(one) {
    const items = [
      ...one.gaps.map((gap) => this.gap(one, gap)),
      ...one.overlaps.map((pair) => this.pair(one, "Rules " + pair.rules.join(" and ") + " both match when " + pair.words + ".", pair, { overlap: pair.rules })),
      ...one.conflicts.map((pair) => this.pair(one, "Rules " + pair.rules.join(" and ") + " say different things when " + pair.words + ".", pair, null)),
      ...one.dead.map((dead) => this.rule(one, dead.rule, "Rule " + dead.rule + " can never match: " + dead.input + " is never " + dead.cell + ".")),
      ...one.shadowed.map((shadow) => this.rule(one, shadow.rule, "Rule " + shadow.rule + " never counts: rule " + shadow.by.join(" and ") + " goes before it.")),
      ...one.mergeable.map((pair) => h("li", { class: "is-remark" }, "Rules " + pair.rules.join(" and ") + " could be one, with " + pair.input + " " + pair.cell + ".")),
      ...one.undecided.map((question) => h("li", { class: "is-remark" }, "Not decided: " + question.question + " (" + question.why + ").")),
      ...one.stale.map((words) => h("li", {}, words)),
    ];
    if (!items.length) { return null; }
    const several = this.found.decisions.filter((other) => other.decision === one.decision).length > 1;
    const days = several ? h("span", { class: "small text-body-secondary" }, " for outages from " + one.since + (one.until ? " until before " + one.until : "")) : null;
    return h("section", {}, h("h3", {}, one.decision, days), h("ul", { class: "finding-list" }, items));
  }

  gap(one, gap) {
    const asked = Object.fromEntries(one.inputs.map((input, index) => [input, gap.cells[index]]).filter(([, cell]) => cell !== "-"));
    const example = Object.entries(gap.example).map(([name, value]) => name + " " + value).join(", ");
    return h("li", {}, h("div", {}, "No rule when " + gap.words + "."), example ? h("div", { class: "small text-body-secondary" }, "for example " + example) : null,
      h("div", { class: "finding-acts" },
        h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", onclick: () => this.act.rule(one.decision, gap.cells) }, "Add a rule for this gap"),
        h("button", { type: "button", class: "btn btn-sm btn-link", onclick: () => this.act.explain(one.decision, { gap: asked }) }, "It is meant so")));
  }

  pair(one, words, pair, explained) {
    return h("li", {}, h("div", {}, words), h("div", { class: "finding-acts" },
      ...pair.rules.map((rule) => h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", onclick: () => this.act.go(one.decision, rule) }, "Rule " + rule)),
      explained ? h("button", { type: "button", class: "btn btn-sm btn-link", onclick: () => this.act.explain(one.decision, explained) }, "It is meant so") : null));
  }

  rule(one, rule, words) {
    return h("li", {}, h("div", {}, words), h("div", { class: "finding-acts" },
      h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", onclick: () => this.act.go(one.decision, rule) }, "Rule " + rule),
      h("button", { type: "button", class: "btn btn-sm btn-link", onclick: () => this.act.explain(one.decision, { "dead rule": rule }) }, "It is meant so")));
  }

  // Marks for rows: { decision: { rule: [mark] } }.
  marks() {
    const marks = {};
    for (const one of this.found ? this.found.decisions : []) {
      const rules = (marks[one.decision] = marks[one.decision] || {});
      const add = (rule, mark) => { rules[rule] = [...(rules[rule] || []), mark]; };
      one.overlaps.concat(one.conflicts).forEach((pair) => pair.rules.forEach((rule) => add(rule, "overlap")));
      one.dead.concat(one.shadowed).forEach((dead) => add(dead.rule, "dead"));
    }
    return marks;
  }
}

export class CasesPane {
  constructor(host, act) { Object.assign(this, { host, act }); }

  show(tests) {
    if (tests === null) { this.wait(); return; }
    this.shown = true;
    this.host.classList.remove("is-stale");
    const passed = tests.filter((test) => test.passed).length;
    const worst = tests.findIndex((test) => !test.passed);
    fill(this.host, h("h2", {}, "Worked cases ", tests.length ? badge(passed + " of " + tests.length + " pass", passed === tests.length ? "ok" : "bad") : badge("none", "warn")),
      tests.length ? null : h("p", { class: "pane-calm" }, "A policy is submitted with at least one worked case, and all of them passing."),
      h("ul", { class: "case-list" }, tests.map((test, index) => this.test(test, index, index === worst))));
  }

  wait() {
    this.host.classList.add("is-stale");
    if (this.shown) { return; }
    fill(this.host, h("h2", {}, "Worked cases"), h("p", { class: "pane-calm" }, "They run as soon as nothing is wrong above."));
  }

  test(test, index, isFirst) {
    const rules = Object.entries(test.rules).map(([decision, numbers]) => decision + " rule " + numbers.join(", ")).join("; ");
    return h("li", { class: test.passed ? "case-passed" : "case-failed" }, h("details", { open: isFirst, ontoggle: (event) => this.act.show(event.target.open ? test.rules : {}) },
      h("summary", {}, h("span", { "aria-hidden": "true" }, test.passed ? "✓ " : "✕ "), h("span", { class: "visually-hidden" }, test.passed ? "passes: " : "fails: "), test.name),
      test.passed ? h("div", {}, test.got) : h("dl", {}, h("dt", {}, "expected"), h("dd", {}, test.expected), h("dt", {}, "got"), h("dd", {}, test.got)),
      rules ? h("div", { class: "small text-body-secondary" }, "decided by " + rules) : null,
      h("details", {}, h("summary", { class: "small" }, "why"), h("p", { class: "small" }, test.detail)),
      h("button", { type: "button", class: "btn btn-sm btn-link px-0", onclick: () => this.act.go(index) }, "Go to the case")));
  }
}

export class WhatIfPane {
  constructor(host, address, places) {
    Object.assign(this, { host, address, places });
    this.run = h("select", { class: "form-select form-select-sm", "aria-label": "Outage to try it on" },
      h("option", { value: "" }, places.length ? "Choose an outage…" : "No outage was measured yet"),
      places.map((place) => h("option", { value: String(place.run) }, place.label)));
    this.result = h("div", { "aria-live": "polite" });
    fill(host, h("h2", {}, "What if"), this.run, this.result);
    if (places.length) { this.run.value = String(places[0].run); }
    this.run.addEventListener("change", () => { if (this.text) { this.load(this.text); } });
  }

  stale() { this.host.classList.add("is-stale"); }

  async load(text, signal) {
    this.text = text;
    if (!this.run.value) { fill(this.result); return; }
    try {
      const asked = { text, run: Number(this.run.value) };
      const answer = await post(this.address, asked, signal);
      this.host.classList.remove("is-stale");
      this.show(answer);
      // What was credited before is read once, which takes its time where there are millions of credits.
      if (answer.waits) { this.show(await post(this.address, { ...asked, patient: true }, signal)); }
    } catch (error) {
      if (error.name !== "AbortError") { fill(this.result, h("p", { class: "pane-calm" }, error instanceof CallError ? error.message : "The server cannot be reached.")); }
    }
  }

  show(answer) {
    const fact = (label, value, more) => h("div", { class: "fact" }, h("dt", {}, label), h("dd", {}, value, more ? h("span", { class: "what-if-more" }, more) : null));
    const { side, against, shift } = answer;
    fill(this.result, h("dl", { class: "facts what-if" },
      h("div", { class: "fact is-total" }, h("dt", {}, side.release === null && !answer.waits ? "Cost" : "Cost by the rules"), h("dd", { class: "big" }, side.cost)),
      side.release === null && !answer.waits ? null : fact("Still to be released", side.release === null ? "reading what was credited…" : side.release),
      against ? fact("Against " + against.policy, answer.difference) : null,
      fact("Lines with something", side.entitled.toLocaleString("en-GB"), " of " + side.lines.toLocaleString("en-GB")),
      side.undetermined ? fact("Not determined", count(side.undetermined, "line")) : null),
    shift ? h("p", { class: "small" }, [
      count(shift.winners, "line") + " get more", count(shift.losers, "line") + " less", count(shift.same, "line") + " the same",
      shift.unclear ? count(shift.unclear, "line") + " not determined on one side" : "",
    ].filter(Boolean).join(", ") + ".") : null,
    side.stopped.length ? h("p", { class: "text-danger small" }, "✕ " + side.stopped.join("; ")) : null,
    answer.notes.length ? h("p", { class: "small text-body-secondary" }, answer.notes.join(" ")) : null);
  }
}
