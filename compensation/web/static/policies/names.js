// What a cell may hold: names to read with type, unit and meaning, values of a column, and what people type instead.

const KINDS = { fact: "fact", attribute: "attribute", parameter: "parameter", measure: "measure", result: "earlier result" };
const WORD = /[\p{L}_][\p{L}\p{N}_ .]*$/u;
const SPAN = /^(\d+(?:\.\d+)?)\s*(d|days?|h|hours?|m|min|minutes?|s|seconds?)$/i;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

export class Names {
  constructor(store, functions) {
    this.store = store;
    this.functions = functions;
  }

  // Money is written in the currency's major units, whatever the records count in.
  get all() {
    if (this.from !== this.store.report) {
      this.from = this.store.report;
      this.known = this.from.names.map((one) => ({ ...one, type: shortType(one.type), unit: one.type === "money" ? "" : one.unit }));
    }
    return this.known;
  }

  find(name) {
    const wanted = name.trim();
    return this.all.find((one) => one.name === wanted) || null;
  }

  // The type and the allowed values of an input column, as far as its expression is a name.
  column(expression) {
    const found = this.find(expression);
    return found ? { type: found.type, allowed: found.allowed, unit: found.unit, meaning: found.meaning } : { type: "", allowed: [] };
  }

  // The names that a decision may read: everything but itself and what comes after it.
  before(decision) {
    const later = this.store.entries("decisions").slice(decision).map((entry) => entry.fields.name);
    return this.all.filter((one) => one.kind !== "result" || !later.includes(one.name.split(".")[0]));
  }

  items(names, typed) {
    const wanted = typed.trim().toLowerCase();
    const rank = (one) => {
      const name = one.name.toLowerCase();
      if (!wanted || name.startsWith(wanted)) { return 0; }
      if (name.split(" ").some((word) => word.startsWith(wanted))) { return 1; }
      return name.includes(wanted) || one.meaning.toLowerCase().includes(wanted) ? 2 : 3;
    };
    return names.map((one) => [rank(one), one]).filter(([rank]) => rank < 3).sort((a, b) => a[0] - b[0]).map(([, one]) => ({
      text: one.name,
      detail: [KINDS[one.kind], one.type, one.unit].filter(Boolean).join(" · "),
      note: one.meaning,
    }));
  }

  // For a header or any expression: names at the caret.
  suggestName(decision) {
    return (text, caret) => {
      const head = text.slice(0, caret);
      const word = WORD.exec(head);
      const typed = word ? word[0] : "";
      const items = this.items(this.before(decision), typed);
      const calls = typed.length > 1 ? this.functions.filter((one) => one.written.startsWith(typed.trim().toLowerCase())) : [];
      return {
        from: caret - typed.length,
        to: caret,
        items: [...items, ...calls.map((one) => ({ text: one.written, detail: "function", note: one.meaning }))],
      };
    };
  }

  // For a test cell: the column's values, the shapes that its type has, and names.
  suggestTest(decision, expression, values) {
    const column = this.column(expression);
    const allowed = values ? splitList(values) : column.allowed;
    return (text, caret) => {
      const start = Math.max(text.lastIndexOf(",", caret - 1), text.lastIndexOf("(", caret - 1)) + 1;
      const from = start + (text.slice(start, caret).length - text.slice(start, caret).trimStart().length);
      const typed = text.slice(from, caret).replace(/^"/, "").toLowerCase();
      const fits = (item) => item.text.replace(/^"/, "").toLowerCase().startsWith(typed);
      const own = [...allowed.map((one) => ({ text: one, detail: "value" })), ...shapes(column.type)].filter(fits);
      const same = this.before(decision).filter((one) => one.kind !== "fact" && (!column.type || one.type === column.type));
      return { from, to: caret, items: [...own, ...(typed ? this.items(same, typed) : [])] };
    };
  }

  // For a result cell: its declared values, what its column says already, yes and no, and names.
  suggestResult(decision, output, used) {
    const listed = output.values ? splitList(output.values) : [];
    const own = output.type === "boolean" ? ["true", "false"] : [...new Set([...listed, ...used.filter((one) => one && one !== "null")])];
    const name = this.suggestName(decision);
    return (text, caret) => {
      const fits = own.filter((one) => one.toLowerCase().replace(/^"/, "").startsWith(text.slice(0, caret).toLowerCase().replace(/^"/, "")));
      const found = name(text, caret);
      const whole = fits.filter((one) => one !== text).map((one) => ({ text: one, detail: "value" }));
      if (caret === text.length && whole.length) { return { from: 0, to: text.length, items: [...whole, ...(text ? [] : found.items)] }; }
      return text ? found : { ...found, items: found.items };
    };
  }
}

// The standard's long names of types, as people say them.
export function shortType(type) {
  return { "days and time duration": "duration", "years and months duration": "months", "date and time": "instant" }[type] || type;
}

function shapes(type) {
  const any = { text: "-", detail: "any" };
  const none = { text: "null", detail: "not known" };
  const found = {
    duration: [{ text: '>= duration("PT4H")', detail: "4 hours or more" }, { text: '[duration("PT1H")..duration("PT4H"))', detail: "1 hour to under 4" }],
    number: [{ text: ">= 10", detail: "10 or more" }, { text: "[1..5]", detail: "1 to 5" }],
    money: [{ text: ">= 10.00", detail: "10.00 or more" }, { text: "[5.00..20.00)", detail: "5.00 to under 20.00" }],
    boolean: [{ text: "true", detail: "yes" }, { text: "false", detail: "no" }],
    date: [{ text: '>= date("2026-01-01")', detail: "from that day" }],
    string: [{ text: 'not("")', detail: "all but these" }],
  };
  return [any, ...(found[type] || []), none];
}

// The parts of a list at its top level: commas in quotes or brackets do not part.
export function splitList(text) {
  const found = [];
  let depth = 0;
  let quoted = false;
  let from = 0;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (quoted && char === "\\") { index += 1; continue; }
    if (char === '"') { quoted = !quoted; }
    if (quoted) { continue; }
    if ("([{".includes(char)) { depth += 1; }
    if (")]}".includes(char)) { depth -= 1; }
    if (char === "," && depth <= 0) { found.push(text.slice(from, index).trim()); from = index + 1; }
  }
  found.push(text.slice(from).trim());
  return found.filter(Boolean);
}

// What people type or paste, as the language writes it: O2 -> "O2", 4 h -> duration("PT4H"), 2026-01-31 -> date(...).
export function friendly(text, written, names) {
  const type = shortType(written);
  const cell = text.replace(/\s*\n\s*/g, " ").trim();
  if (!type || cell === "" || cell === "-" || /["?]/.test(cell)) { return cell; }
  const parts = splitList(cell);
  if (parts.length > 1) { return parts.map((part) => friendly(part, type, names)).join(", "); }
  const signed = /^(<=|>=|<|>|=|!=)\s*(.+)$/.exec(cell);
  if (signed) { return signed[1] + " " + friendly(signed[2], type, names); }
  const ranged = /^([[\](])\s*(.+?)\s*\.\.\s*(.+?)\s*([[\])])$/.exec(cell);
  if (ranged) { return ranged[1] + friendly(ranged[2], type, names) + ".." + friendly(ranged[3], type, names) + ranged[4]; }
  const negated = /^not\s*\((.*)\)$/.exec(cell);
  if (negated) { return "not(" + friendly(negated[1], type, names) + ")"; }
  return friendlyWord(cell, type, names);
}

function friendlyWord(cell, type, names) {
  if (["null", "true", "false"].includes(cell) || names.find(cell)) { return cell; }
  if (type === "boolean") { return { yes: "true", no: "false", TRUE: "true", FALSE: "false" }[cell] || cell; }
  if (type === "date" && DATE.test(cell)) { return 'date("' + cell + '")'; }
  if (type === "duration") { return spanned(cell); }
  if (type === "string" && isPlainWord(cell)) { return '"' + cell + '"'; }
  return cell;
}

function isPlainWord(cell) {
  return !/[()[\]{}<>=|\\]/.test(cell) && !/^(if|for|some|every)\b/.test(cell) && !/\s[+*/-]\s/.test(cell);
}

function spanned(cell) {
  const found = SPAN.exec(cell);
  if (!found || found[1].includes(".")) { return cell; }
  const unit = found[2][0].toLowerCase();
  return 'duration("' + (unit === "d" ? "P" + found[1] + "D" : "PT" + found[1] + unit.toUpperCase()) + '")';
}
