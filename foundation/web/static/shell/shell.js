// Small comforts; every page works without them.
(function () {
  "use strict";
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const time of document.querySelectorAll("time.instant")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) {
      time.title = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" }) + " " + zone;
    }
  }

  const order = ["auto", "light", "dark"];
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    const show = function () {
      const name = window.consoleTheme.chosen();
      button.textContent = { auto: "◐ Auto", light: "☀ Light", dark: "☾ Dark" }[name];
      button.setAttribute("aria-label", "Colours: " + name + ". Change");
    };
    button.hidden = false;
    show();
    button.addEventListener("click", function () {
      const next = order[(order.indexOf(window.consoleTheme.chosen()) + 1) % order.length];
      window.consoleTheme.choose(next);
      show();
    });
  }

  // A question that is open closes by "No", by Escape, and when another one opens.
  function closeAll(but) {
    for (const open of document.querySelectorAll("details.confirm[open]")) {
      if (open !== but) { open.open = false; }
    }
  }
  document.addEventListener("click", function (event) {
    const no = event.target.closest("[data-close-details]");
    if (no) { no.closest("details").open = false; return; }
    closeAll(event.target.closest("details.confirm"));
  });
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") { return; }
    const open = document.querySelector("details.confirm[open]");
    if (open) { open.open = false; open.querySelector("summary").focus(); }
  });

  // <input type=checkbox data-check-all="elements"> ticks all boxes of that name.
  for (const all of document.querySelectorAll("[data-check-all]")) {
    all.addEventListener("change", function () {
      for (const box of document.getElementsByName(all.dataset.checkAll)) { box.checked = all.checked; }
    });
  }

  // What was not accepted is where the work goes on.
  const wrong = document.querySelector("main [aria-invalid=true]");
  if (wrong) { wrong.focus(); }

  // One click is one step: a sent form does not go out twice.
  document.addEventListener("submit", function (event) {
    if (event.target.method !== "post") { return; }
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    event.target.dataset.sent = "yes";
    for (const button of event.target.querySelectorAll("button:not([type=button])")) { button.classList.add("sending"); }
  });
  window.addEventListener("pageshow", function () {
    for (const form of document.querySelectorAll("form[data-sent]")) { delete form.dataset.sent; }
  });
})();
