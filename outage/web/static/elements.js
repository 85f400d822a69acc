// Finds network elements while one types, and adds the chosen one to the list below.
(function () {
  "use strict";
  for (const box of document.querySelectorAll("[data-element-search]")) {
    const input = box.querySelector("input");
    const hits = box.querySelector("ul");
    const list = document.getElementById(box.dataset.into);
    let latest = 0;
    let waiting;
    box.hidden = false;

    const add = function (ref) {
      const known = list.value.split(/[\s,;]+/).filter(Boolean);
      if (!known.includes(ref)) { known.push(ref); }
      list.value = known.join("\n");
      input.value = "";
      hits.replaceChildren();
      input.focus();
    };
    const show = function (elements) {
      hits.replaceChildren(...elements.map(function (element) {
        const button = document.createElement("button");
        button.type = "button";
        for (const [text, style] of [[element.ref, ""], [element.name, "text-body-secondary"], [element.kind, "kind"]]) {
          const part = document.createElement("span");
          part.textContent = text;
          part.className = style;
          button.append(part);
        }
        button.addEventListener("click", function () { add(element.ref); });
        const item = document.createElement("li");
        item.append(button);
        return item;
      }));
    };
    input.addEventListener("input", function () {
      clearTimeout(waiting);
      const mine = ++latest;
      if (input.value.trim().length < 2) { hits.replaceChildren(); return; }
      waiting = setTimeout(async function () {
        const answer = await fetch(box.dataset.elementSearch + "?search=" + encodeURIComponent(input.value.trim()));
        if (answer.ok && mine === latest) { show((await answer.json()).elements); }
      }, 150);
    });
    input.addEventListener("keydown", function (event) {
      if (event.key === "ArrowDown" || event.key === "Enter") {
        event.preventDefault();
        const first = hits.querySelector("button");
        if (first) { first.focus(); }
      }
    });
    hits.addEventListener("keydown", function (event) {
      const item = event.target.closest("li");
      const next = event.key === "ArrowDown" ? item.nextElementSibling : event.key === "ArrowUp" ? item.previousElementSibling : null;
      if (next) { event.preventDefault(); next.querySelector("button").focus(); }
      if (event.key === "Escape") { hits.replaceChildren(); input.focus(); }
    });
  }
})();
