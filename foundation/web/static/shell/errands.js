// Follows an errand: asks how far it is once a second and opens the page again when it has ended.
(function () {
  "use strict";
  const box = document.querySelector("[data-errand]");
  if (!box) { return; }
  const bar = box.querySelector("progress");
  const step = box.querySelector("[data-errand-step]");
  const count = box.querySelector("[data-errand-count]");
  const numbers = new Intl.NumberFormat("en-GB");
  function show(told) {
    if (told.step) { step.textContent = told.step; }
    if (told.total) {
      bar.max = told.total;
      bar.value = Math.min(told.done, told.total);
      count.textContent = numbers.format(told.done) + " of " + numbers.format(told.total);
    } else {
      bar.removeAttribute("value");
      count.textContent = "";
    }
  }
  async function look() {
    let wait = 1000;
    try {
      const answer = await fetch(box.dataset.errand, { headers: { Accept: "application/json" } });
      if (!answer.ok) { throw new Error(answer.statusText); }
      const told = await answer.json();
      if (told.ended) { window.location.reload(); return; }
      show(told);
    } catch {
      count.textContent = "The console cannot be reached just now; the work goes on.";
      wait = 5000;
    }
    setTimeout(look, wait);
  }
  setTimeout(look, 500);
})();
