// Helps to name network elements: search while typing, check a pasted list, read a file, take cells from the map.
(function () {
  "use strict";
  const NAMED = 12;

  function words(text) { return [...new Set(text.split(/[\s,;]+/).filter(Boolean))]; }
  function number(count) { return count.toLocaleString("en"); }

  for (const picker of document.querySelectorAll("[data-picker]")) {
    const list = picker.querySelector("textarea");
    const told = picker.querySelector("[data-told]");
    const file = picker.querySelector("input[type=file]");
    const map = picker.querySelector(".cell-map");
    const form = list.form;
    let shown = "";
    let out;
    for (const hidden of picker.querySelectorAll("[data-with-script]")) { hidden.hidden = false; }

    const tell = function (unknown) {
      const count = words(list.value).length;
      const parts = [count === 1 ? "1 element chosen." : number(count) + " elements chosen."];
      if (unknown && unknown.length) {
        const some = unknown.slice(0, NAMED).join(", ") + (unknown.length > NAMED ? " and " + number(unknown.length - NAMED) + " more" : "");
        parts.push((unknown.length === 1 ? "1 was not found and left out: " : number(unknown.length) + " were not found and left out: ") + some + ".");
      }
      told.textContent = parts.join(" ");
      told.classList.toggle("is-bad", Boolean(unknown && unknown.length));
    };
    const show = function (refs, unknown) {
      list.value = refs.join("\n");
      shown = list.value;
      tell(unknown);
      mark();
    };
    const add = function (refs) { show([...new Set([...words(list.value), ...refs])]); };
    // Where the map has states, only what is out can be brought back.
    const fits = function (ref) {
      if (!map.dataset.states) { return true; }
      out = out || new Set([...(map.cellMap.states.lost || []), ...(map.cellMap.states.degraded || [])]);
      return out.has(ref);
    };
    const mark = function () {
      if (map && map.cellMap) { map.cellMap.mark({ ...map.cellMap.states, chosen: words(list.value) }); map.cellMap.later(); }
    };

    const check = async function (chosenFile) {
      if (!chosenFile && list.value === shown) { return; }
      const body = new FormData();
      body.append("csrf_token", form.querySelector("[name=csrf_token]").value);
      body.append("text", list.value);
      if (chosenFile) { body.append("file", chosenFile); }
      told.textContent = "Looking them up…";
      try {
        const answer = await fetch(picker.dataset.picker, { method: "POST", body: body });
        const said = await answer.json();
        if (!answer.ok) { told.textContent = said.error; told.classList.add("is-bad"); return; }
        show(said.found, said.unknown);
      } catch (error) {
        console.error(error);
        told.textContent = "The list could not be looked up; it is checked when the form is sent.";
      }
    };
    list.addEventListener("change", function () { check(null); });
    list.addEventListener("paste", function () { setTimeout(check, 0, null); });
    if (file) {
      file.addEventListener("change", async function () {
        if (!file.files.length) { return; }
        await check(file.files[0]);
        file.value = "";
      });
    }
    const clear = picker.querySelector("[data-clear]");
    if (clear) { clear.addEventListener("click", function () { show([]); list.focus(); }); }
    if (map) {
      map.addEventListener("cellmapready", mark);
      map.addEventListener("cellstaken", function (event) { add(event.detail.filter(fits)); });
    }
    if (list.value.trim()) { tell(); }
    search(picker, add);
  }

  function search(picker, add) {
    const box = picker.querySelector("[data-element-search]");
    const input = box.querySelector("input");
    const hits = box.querySelector("ul");
    let latest = 0;
    let waiting;

    const take = function (ref) { add([ref]); input.value = ""; hits.replaceChildren(); input.focus(); };
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
        button.addEventListener("click", function () { take(element.ref); });
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
        const joint = box.dataset.elementSearch.includes("?") ? "&" : "?";
        const answer = await fetch(box.dataset.elementSearch + joint + "search=" + encodeURIComponent(input.value.trim()));
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
