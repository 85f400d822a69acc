// A list of suggestions under an input: arrow keys choose, Enter or Tab take, Escape leaves; tied to it by ARIA.
import { fill, h } from "./dom.js";

const MOST = 60;
let serial = 0;

export class Completion {
  // suggest(text, caret) -> { from, to, items: [{ text, detail, note }] }; taken(input) is called after a choice.
  constructor(input, suggest, taken = () => {}) {
    this.input = input;
    this.suggest = suggest;
    this.taken = taken;
    this.found = null;
    this.chosen = -1;
    this.id = "suggestions-" + (serial += 1);
    this.list = h("ul", { class: "suggestions", role: "listbox", id: this.id, hidden: true });
    (input.closest("dialog") || document.body).append(this.list);
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", this.id);
    input.setAttribute("aria-expanded", "false");
    input.setAttribute("autocomplete", "off");
    this.onInput = () => this.open();
    this.onKey = (event) => this.key(event);
    this.onBlur = () => this.close();
    input.addEventListener("input", this.onInput);
    input.addEventListener("keydown", this.onKey);
    input.addEventListener("blur", this.onBlur);
  }

  get isOpen() { return !this.list.hidden; }

  open() {
    this.found = this.suggest(this.input.value, this.input.selectionStart);
    const items = (this.found ? this.found.items : []).slice(0, MOST);
    if (!items.length) { this.close(); return; }
    this.found.items = items;
    this.chosen = -1;
    fill(this.list, items.map((item, index) => h(
      "li",
      { role: "option", id: this.id + "-" + index, "aria-selected": "false",
        onpointerdown: (event) => { event.preventDefault(); this.take(index); } },
      h("span", { class: "suggested" }, item.text),
      item.detail ? h("span", { class: "detail" }, item.detail) : null,
      item.note ? h("span", { class: "note" }, item.note) : null,
    )));
    this.list.hidden = false;
    this.place();
    this.input.setAttribute("aria-expanded", "true");
  }

  // Under the input, or above it where there is no room below; a bar at the bottom of a phone stays free.
  place() {
    const input = this.input.getBoundingClientRect();
    const bar = this.input.closest(".cell-bar");
    const isFixed = bar && getComputedStyle(bar).position === "fixed";
    const box = isFixed ? bar.getBoundingClientRect() : input;
    const most = isFixed ? 150 : 280;
    this.list.style.maxHeight = most + "px";
    const height = Math.min(this.list.scrollHeight + 2, most);
    const below = !isFixed && (window.innerHeight - box.bottom > height + 8 || box.top < height + 8);
    const width = Math.min(Math.max(box.width, 300), window.innerWidth - 16);
    this.list.style.left = Math.max(8, Math.min(box.left, window.innerWidth - width - 8)) + "px";
    this.list.style.width = width + "px";
    this.list.style.top = (below ? box.bottom + 2 : Math.max(8, box.top - height - 4)) + "px";
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  // Whether a key is for the list and not for what the input belongs to.
  wants(event) {
    if (!this.isOpen) { return false; }
    return ["ArrowDown", "ArrowUp"].includes(event.key) || (this.chosen >= 0 && ["Enter", "Tab", "Escape"].includes(event.key));
  }

  key(event) {
    if (event.key === "ArrowDown" && (event.altKey || !this.isOpen) && !event.defaultPrevented) {
      event.preventDefault();
      this.open();
      return;
    }
    if (!this.wants(event)) { if (event.key === "Escape") { this.close(); } return; }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      this.move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Escape") {
      this.close();
    } else {
      this.take(this.chosen);
      if (event.key === "Tab") { return; }
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  move(by) {
    const options = this.list.children;
    if (this.chosen >= 0) { options[this.chosen].setAttribute("aria-selected", "false"); }
    this.chosen = (this.chosen + by + options.length + (this.chosen < 0 && by < 0 ? 1 : 0)) % options.length;
    options[this.chosen].setAttribute("aria-selected", "true");
    options[this.chosen].scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", options[this.chosen].id);
  }

  take(index) {
    const item = this.found.items[index];
    const { from, to } = this.found;
    this.input.value = this.input.value.slice(0, from) + item.text + this.input.value.slice(to);
    const caret = from + item.text.length;
    this.input.setSelectionRange(caret, caret);
    this.close();
    this.taken(this.input);
  }

  end() {
    this.input.removeEventListener("input", this.onInput);
    this.input.removeEventListener("keydown", this.onKey);
    this.input.removeEventListener("blur", this.onBlur);
    this.list.remove();
  }
}
