// The policy while it is edited: its text, its outline, what was undone, and the working copy that the server keeps.
import { CallError, announce, post } from "./dom.js";

const DEBOUNCE = 180;
const RETRY = 4000;
const MOST_STEPS = 300;

export class Store extends EventTarget {
  constructor(data, addresses) {
    super();
    this.text = data.text;
    this.outline = data.outline;
    this.report = data.report;
    this.revision = data.revision;
    this.basedOn = data.based_on;
    this.newest = data.newest;
    this.addresses = addresses;
    this.undone = [];
    this.done = [];
    this.version = 0;
    this.checked = 0;
    this.typed = false;
    this.timer = null;
    this.sending = null;
  }

  // One step that can be undone: `edit` changes a copy of the outline. Steps with the same `merge` become one.
  change(label, edit, merge = null) {
    // What was typed into the text is read first: it would be lost under an edit of what stood there before.
    if (!this.outline || (this.typed && !this.isKept)) { announce("One moment: the text is being read."); return; }
    const next = structuredClone(this.outline);
    if (edit(next) === false) { return; }
    this.remember(label, merge);
    this.outline = next;
    this.touched();
  }

  // The text itself was typed over: the outline is read from it anew.
  setText(text) {
    if (text === this.text) { return; }
    this.remember("text", "text");
    this.text = text;
    this.typed = true;
    this.touched();
  }

  remember(label, merge) {
    const last = this.done[this.done.length - 1];
    if (!(merge && last && last.merge === merge && this.undone.length === 0)) {
      this.done.push({ text: this.text, outline: this.outline, typed: this.typed, label, merge });
      if (this.done.length > MOST_STEPS) { this.done.shift(); }
    }
    this.undone = [];
  }

  undo() { this.step(this.done, this.undone, "Undone"); }

  redo() { this.step(this.undone, this.done, "Done again"); }

  step(from, to, said) {
    const target = from.pop();
    if (!target) { announce("Nothing more to undo or redo."); return; }
    to.push({ text: this.text, outline: this.outline, typed: this.typed, label: target.label, merge: null });
    this.text = target.text;
    this.outline = target.outline;
    this.typed = target.typed;
    announce(said + ": " + target.label + ".");
    this.touched();
  }

  touched() {
    this.version += 1;
    this.tell("change");
    this.schedule(DEBOUNCE);
  }

  schedule(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.sync(); }, wait);
  }

  get isKept() { return this.checked === this.version; }

  body() {
    return {
      text: this.text,
      outline: this.typed ? null : this.outline,
      revision: this.revision,
      based_on: this.basedOn,
      newest: this.newest,
    };
  }

  // Sends what stands here, one call at a time; an answer that was overtaken by typing gives the revision only.
  async sync() {
    clearTimeout(this.timer);
    while (this.sending) { await this.sending; }
    if (this.isKept || this.stopped) { return; }
    this.sending = this.send();
    await this.sending;
    this.sending = null;
    if (!this.isKept && !this.stopped) { this.schedule(this.failed ? RETRY : 0); }
  }

  async send() {
    const sent = this.version;
    this.tell("sending");
    try {
      const answer = await post(this.addresses.check, this.body());
      this.failed = false;
      this.revision = answer.revision;
      if (sent !== this.version) { return; }
      this.checked = sent;
      this.text = answer.text;
      this.outline = answer.outline;
      this.typed = answer.outline === null;
      this.report = answer.report;
      this.tell("report");
    } catch (error) {
      this.failed = true;
      if (error instanceof CallError && error.answer.now !== undefined && error.answer.now !== null) {
        this.stopped = true;
        this.tell("moved", { message: error.message, now: error.answer.now });
      } else {
        const message = error instanceof CallError ? error.message : "The server cannot be reached; trying again.";
        this.tell("failed", { message });
      }
    }
  }

  // This window wins over the other one, because somebody said so.
  takeOver(revision) {
    this.revision = revision;
    this.stopped = false;
    this.version += 1;
    this.sync();
  }

  async save() {
    await this.sync();
    return post(this.addresses.save, this.body());
  }

  // Puts the suggested text where a problem stands.
  accept(problem) {
    this.change("suggestion", (outline) => putAt(outline, problem.path, problem.fix));
  }

  tell(name, detail = null) { this.dispatchEvent(new CustomEvent(name, { detail })); }

  entries(list) { return (this.outline && this.outline.lists[list]) || []; }

  problemsAt(...start) {
    return this.report.problems.filter((problem) => start.every((step, index) => problem.path[index] === step));
  }
}

function putAt(outline, path, text) {
  const [first, second, ...rest] = path;
  const entry = outline.lists[first] && outline.lists[first][second];
  if (entry && rest[0] === "table") { return putCell(entry.fields.table, rest.slice(1), text); }
  if (entry && rest[0] === "expect" && rest[1] === "rewards") {
    const fields = entry.fields.expect.rewards[rest[2]];
    fields[rest[3] || Object.keys(fields)[0]] = text;
  } else if (entry && rest.length === 2) {
    entry.fields[rest[0]].map[rest[1]] = text;
  } else if (entry && rest.length === 1) {
    entry.fields[rest[0]] = text;
  } else if (!entry && rest.length === 0 && first in outline.head) {
    if (second === undefined) { outline.head[first] = text; } else { outline.head[first].map[second] = text; }
  } else {
    return false;
  }
  return true;
}

function putCell(table, place, text) {
  const [where, ...rest] = place;
  if (where === "rules") {
    const [rule, side, cell] = rest;
    if (side === "note") { table.rules[rule].note = text; } else { table.rules[rule][side][cell] = text; }
    return true;
  }
  const [side, column] = rest;
  if (side === "tests") { table.inputs[column].expression = text.split(":")[0].trim(); return true; }
  const [name, ...type] = text.split(":");
  const output = table.outputs[column];
  output.name = name.trim();
  output.type = type.join(":").trim().split(/ in | else /)[0].trim() || output.type;
  return true;
}
