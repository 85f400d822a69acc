// Asks for the liability clock again every minute while its page is looked at, and keeps what stands there on failure;
// soon again while it is being worked out.
(function () {
  "use strict";
  const EVERY = 60000;
  const SOON = 3000;
  function askSoon(box) {
    if (box.querySelector("[data-soon]")) { window.setTimeout(function () { refresh(box); }, SOON); }
  }
  async function refresh(box) {
    try {
      const answer = await fetch(box.dataset.refresh, { headers: { Accept: "text/html" } });
      if (!answer.ok || answer.redirected) { return; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const part = page.querySelector("[data-fragment]");
      if (!part) { return; }
      box.replaceChildren(part);
      askSoon(box);
      box.dispatchEvent(new CustomEvent("figuresadded", { bubbles: true }));
    } catch (error) {
      console.error(error);
    }
  }
  for (const box of document.querySelectorAll("[data-refresh]")) {
    askSoon(box);
    window.setInterval(function () { if (!document.hidden) { refresh(box); } }, EVERY);
  }
})();
