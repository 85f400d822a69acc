// The dialog of a column: what it asks or gives, its type, values and default, and where it stands.
import { Completion } from "./completion.js";
import { fill, h, option } from "./dom.js";

const TYPES_SAID = {
  string: "text", number: "number", money: "money", boolean: "yes or no", date: "date", time: "time of day",
  "date and time": "instant", "days and time duration": "duration", "years and months duration": "months",
};

export class ColumnDialog {
  constructor(names, types) {
    this.names = names;
    this.types = types;
    this.dialog = h("dialog", { class: "column-dialog", "aria-labelledby": "column-title" });
    document.body.append(this.dialog);
    this.dialog.addEventListener("close", () => { this.completions.forEach((one) => one.end()); if (this.after) { this.after(); } });
    this.completions = [];
  }

  // `place` is a column to change; { side } alone adds one at the end of that side.
  open(model, c, after, adding = null) {
    this.after = after;
    const [side, place] = adding ? [adding, adding === "tests" ? model.table.inputs.length : model.table.outputs.length] : model.spot(c);
    if (side === "note") { return; }
    const heads = side === "tests" ? model.table.inputs : model.table.outputs;
    const empty = side === "tests" ? { expression: "", values: "" } : { name: "", type: "string", values: "", default: "" };
    const head = adding ? empty : heads[place];
    const fields = side === "tests" ? this.testFields(model, head) : this.resultFields(model, head);
    const save = (event) => {
      event.preventDefault();
      const written = Object.fromEntries(Object.entries(fields.inputs).map(([name, input]) => [name, input.value.trim()]));
      if (!written[fields.main]) { fields.inputs[fields.main].focus(); return; }
      if (adding) { model.addColumn(side, place, { ...empty, ...written }); } else { model.changeColumn(c, written); }
      this.dialog.close();
    };
    const remove = () => { model.removeColumn(c); this.dialog.close(); };
    fill(this.dialog, h("form", { method: "dialog", onsubmit: save },
      h("h2", { id: "column-title" }, (adding ? "New column: " : "Column: ") + (side === "tests" ? "what is asked" : "what follows")),
      fields.rows, fields.about,
      h("div", { class: "dialog-buttons" },
        h("button", { class: "btn btn-sm btn-primary" }, adding ? "Add" : "Apply"),
        h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", onclick: () => this.dialog.close() }, "Cancel"),
        !adding && model.canRemove(c) ? h("button", { type: "button", class: "btn btn-sm btn-outline-danger ms-auto", onclick: remove }, "Delete column") : null)));
    this.dialog.showModal();
    fields.inputs[fields.main].focus();
    this.completions = fields.complete();
  }

  row(label, input, hint) {
    return h("label", { class: "dialog-field" }, h("span", { class: "form-label" }, label), input, hint ? h("span", { class: "form-text" }, hint) : null);
  }

  text(value) { return h("input", { class: "form-control form-control-sm", spellcheck: "false", autocapitalize: "off", value }); }

  testFields(model, head) {
    const expression = this.text(head.expression);
    const values = this.text(head.values);
    const about = h("p", { class: "dialog-about", role: "status" });
    const tell = () => {
      const found = this.names.find(expression.value);
      const values = found && found.allowed.length ? "Values: " + found.allowed.join(", ") : "";
      const said = found ? [[found.type, found.unit].filter(Boolean).join(", "), found.meaning, values] : [];
      about.textContent = said.filter(Boolean).join(" · ");
    };
    expression.addEventListener("input", tell);
    tell();
    return {
      main: "expression",
      inputs: { expression, values },
      rows: [
        this.row("A fact, parameter or earlier result", expression, "Type a few letters; the list says what each means."),
        this.row("Only these values may come (optional)", values, 'such as "consumer", "business"'),
      ],
      about,
      complete: () => [new Completion(expression, this.names.suggestName(model.index), tell)],
    };
  }

  resultFields(model, head) {
    const name = this.text(head.name);
    const type = h("select", { class: "form-select form-select-sm" }, this.types.map((one) => option(one, head.type, TYPES_SAID[one] || one)));
    if (!this.types.includes(head.type)) { type.prepend(option(head.type, head.type)); }
    const values = this.text(head.values);
    const otherwise = this.text(head.default);
    return {
      main: "name",
      inputs: { name, type, values, default: otherwise },
      rows: [
        this.row("Name of the result", name, "Later tables and rewards read it by this name."),
        this.row("Type", type),
        this.row("Only these values (optional)", values, "for hit policy P or O the most important first"),
        this.row("When no rule matches (optional)", otherwise, "left empty: no rule, so nothing follows"),
      ],
      about: null,
      complete: () => [],
    };
  }
}
