// Forms of a policy's entries, made from what the server says about their fields; what is wrong stands at its field.
import { Completion } from "./completion.js";
import { fill, h, option } from "./dom.js";

export function shown(value) {
  if (value === null || value === undefined) { return ""; }
  return typeof value === "string" ? value : value.flow || "";
}

// The same kind of value with another text: what was nested stays nested.
export function rewritten(before, text) {
  return before && typeof before === "object" && "flow" in before ? { flow: text } : text;
}

let serial = 0;

// One labelled input over one place of the outline.
export class FieldBox {
  constructor(store, names, spec, place) {
    Object.assign(this, { store, names, spec, place });
    const id = "field-" + (serial += 1);
    this.input = this.control(id);
    this.input.addEventListener("change", () => this.write());
    this.error = h("div", { class: "field-error", id: id + "-error" });
    this.element = h("div", { class: "entry-field" + (spec.wide ? " is-wide" : "") },
      h("label", { for: id, class: "form-label" }, spec.label || spec.name, spec.required ? h("span", { class: "text-body-secondary", "aria-hidden": "true" }, " *") : null),
      this.input, this.error, spec.hint ? h("div", { class: "form-text" }, spec.hint) : null);
    if (spec.feel && names) { this.completion = new Completion(this.input, names.suggestName(Infinity)); }
    this.refresh();
  }

  control(id) {
    const { choices, open } = this.spec;
    if (choices && choices.length && !open && choices.length < 60) { return h("select", { id, class: "form-select form-select-sm" }); }
    const input = h("input", { id, class: "form-control form-control-sm" + (this.spec.feel ? " is-feel" : ""), spellcheck: "false", autocapitalize: "off" });
    if (choices && choices.length) {
      const list = h("datalist", { id: id + "-list" }, choices.map((one) => h("option", { value: one })));
      input.setAttribute("list", list.id);
      document.body.append(list);
      this.list = list;
    }
    return input;
  }

  refresh() {
    const text = shown(this.place.get());
    if (this.input.tagName === "SELECT") {
      const known = this.spec.choices.includes(text);
      fill(this.input,
        this.spec.required && text ? null : option("", text, "–"),
        known || !text ? null : option(text, text),
        this.spec.choices.map((one) => option(one, text, this.spec.labels ? this.spec.labels[one] : one)));
    } else if (document.activeElement !== this.input) {
      this.input.value = text;
    }
    this.tell();
  }

  tell() {
    const problem = this.place.problem();
    this.input.classList.toggle("is-invalid", Boolean(problem));
    if (!problem) { fill(this.error); this.input.removeAttribute("aria-invalid"); return; }
    this.input.setAttribute("aria-invalid", "true");
    this.input.setAttribute("aria-describedby", this.error.id);
    const take = problem.fix === null ? null : h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", onclick: () => this.store.accept(problem) }, "Use “" + problem.instead + "”");
    fill(this.error, problem.what, " ", take || (problem.accepted ? h("span", { class: "accepted" }, "accepted: " + problem.accepted) : null));
  }

  write() {
    if (this.input.value !== shown(this.place.get())) { this.place.set(this.input.value); }
  }

  end() {
    if (this.completion) { this.completion.end(); }
    if (this.list) { this.list.remove(); }
  }
}

// A field of an entry of a list: empty means that it is left out, unless it is needed.
export function fieldPlace(store, list, index, spec) {
  return {
    get: () => { const entry = store.entries(list)[index]; return entry ? entry.fields[spec.name] : null; },
    set: (text) => store.change(spec.name, (outline) => {
      const { fields } = outline.lists[list][index];
      if (text.trim() === "" && !spec.required) { delete fields[spec.name]; } else { fields[spec.name] = rewritten(spec.nested ? { flow: "" } : fields[spec.name], text.trim()); }
    }),
    problem: () => store.problemsAt(list, index, spec.name)[0] || null,
  };
}

// The key of an entry in a mapping, such as a parameter's name.
export function keyPlace(store, list, index) {
  return {
    get: () => { const entry = store.entries(list)[index]; return entry ? entry.key : null; },
    set: (text) => store.change("name", (outline) => { outline.lists[list][index].key = text.trim(); }),
    problem: () => store.problemsAt(list, index).find((problem) => problem.path.length === 2) || null,
  };
}

export function headPlace(store, spec, part = null) {
  const start = part ? [part, spec.name] : [spec.name];
  return {
    get: () => { const head = store.outline ? store.outline.head : {}; return part ? (head[part] && head[part].map ? head[part].map[spec.name] : null) : head[spec.name]; },
    set: (text) => store.change(spec.name, (outline) => {
      const value = text.trim() === "" ? null : text.trim();
      if (!part) { outline.head[spec.name] = rewritten(outline.head[spec.name], value); return; }
      if (!outline.head[part] || !outline.head[part].map) { outline.head[part] = { map: {} }; }
      outline.head[part].map[spec.name] = value;
    }),
    problem: () => store.problemsAt(...start)[0] || null,
  };
}

// Cards of a list's entries, built anew when entries or their fields come, go or move.
export class EntryList {
  // options: { list, title(entry), specs(entry), keyed, blank(), extra(index) -> { element, refresh }, empty, add }
  constructor(store, names, host, options) {
    Object.assign(this, { store, names, host, options });
    this.parts = [];
    this.signature = null;
    this.refresh();
  }

  shape() {
    return JSON.stringify(this.store.entries(this.options.list).map((entry) => [Object.keys(entry.fields), this.options.shape ? this.options.shape(entry) : null]));
  }

  refresh() {
    const shape = this.shape();
    if (shape !== this.signature) { this.signature = shape; this.build(); return; }
    this.parts.forEach((part) => part.refresh());
  }

  build() {
    const focused = document.activeElement && this.host.contains(document.activeElement) ? document.activeElement.id : null;
    this.parts.forEach((part) => part.end && part.end());
    this.parts = [];
    const entries = this.store.entries(this.options.list);
    fill(this.host,
      entries.length ? null : h("p", { class: "text-body-secondary" }, this.options.empty),
      entries.map((entry, index) => this.card(entry, index)),
      h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", onclick: () => this.add() }, this.options.add));
    if (focused) { const again = document.getElementById(focused); if (again) { again.focus(); } }
  }

  card(entry, index) {
    const { list, keyed } = this.options;
    const specs = this.options.specs(entry);
    const present = specs.filter((spec) => spec.required || spec.always || spec.name in entry.fields);
    const own = new Set(this.options.special || []);
    const unknown = Object.keys(entry.fields).filter((name) => !own.has(name) && !specs.some((spec) => spec.name === name)).map((name) => ({ name }));
    const boxes = [...(keyed ? [new FieldBox(this.store, null, { name: "name", required: true }, keyPlace(this.store, list, index))] : []),
      ...[...present, ...unknown].map((spec) => new FieldBox(this.store, this.names, spec, fieldPlace(this.store, list, index, spec)))];
    this.parts.push(...boxes);
    const more = specs.filter((spec) => !present.includes(spec));
    const extra = this.options.extra ? this.options.extra(index) : null;
    if (extra) { this.parts.push(extra); }
    return h("section", { class: "entry-card", "aria-label": this.options.title(entry, index), id: "entry-" + list + "-" + index },
      h("div", { class: "entry-head" }, h("h3", {}, this.options.title(entry, index)), this.buttons(index)),
      h("div", { class: "entry-fields" }, boxes.map((box) => box.element)),
      extra ? extra.element : null,
      more.length ? this.moreMenu(index, more) : null);
  }

  moreMenu(index, specs) {
    const menu = h("select", { class: "form-select form-select-sm more-fields", "aria-label": "Add a setting", onchange: () => {
      const name = menu.value;
      const spec = specs.find((one) => one.name === name);
      this.store.change("add " + name, (outline) => { outline.lists[this.options.list][index].fields[name] = spec.nested ? { flow: "[]" } : spec.choices && spec.choices.length && !spec.open ? spec.choices[0] : ""; });
    } }, option("", "", "+ add a setting"), specs.map((spec) => option(spec.name, "", spec.name + (spec.hint ? ": " + spec.hint : ""))));
    return menu;
  }

  buttons(index) {
    const { list } = this.options;
    const last = this.store.entries(list).length - 1;
    const button = (label, sign, off, act) => h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", "aria-label": label, title: label, disabled: off, onclick: act }, sign);
    const move = (by) => this.store.change("move", (outline) => { const entries = outline.lists[list]; entries.splice(index + by, 0, ...entries.splice(index, 1)); });
    return h("div", { class: "entry-buttons" },
      button("Move up", "↑", index === 0, () => move(-1)), button("Move down", "↓", index === last, () => move(1)),
      button("Delete", "✕", false, () => this.store.change("delete", (outline) => { outline.lists[list].splice(index, 1); })));
  }

  add() {
    const { list, blank } = this.options;
    this.store.change("add", (outline) => { (outline.lists[list] = outline.lists[list] || []).push({ from: null, key: null, ...blank(outline) }); });
    const cards = this.host.querySelectorAll(".entry-card");
    const first = cards.length ? cards[cards.length - 1].querySelector("input, select") : null;
    if (first) { first.focus(); }
  }
}
