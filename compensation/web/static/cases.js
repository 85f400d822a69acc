// Opens the explanation of a case in its row: the page of that case is asked for when the row is opened, once.
(function () {
  "use strict";
  async function load(box) {
    const address = box.dataset.load;
    delete box.dataset.load;
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" } });
      if (!answer.ok) { throw new Error(String(answer.status)); }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      box.replaceChildren(page.querySelector("[data-fragment]"));
    } catch (error) {
      console.error(error);
      box.dataset.load = address;
    }
  }
  document.addEventListener("show.bs.collapse", function (event) {
    const box = event.target.querySelector("[data-load]");
    if (box) { load(box); }
  });
})();
