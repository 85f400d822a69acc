// Draws every <div class="figure"> from its JSON block (or from data-figure="/path.json"), in the page's colours.
(function () {
  "use strict";
  const byFinger = window.matchMedia("(pointer: coarse)");
  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }
  function themed(layout) {
    // Numbers as on the rest of the page: 15,000 and not 15k.
    const axis = { exponentformat: "none", separatethousands: true, gridcolor: colour("--figure-grid"), zerolinecolor: colour("--figure-grid"), linecolor: colour("--figure-grid") };
    const clear = Object.assign({}, layout, {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: Object.assign({ family: "system-ui, sans-serif", size: 12 }, layout.font, { color: colour("--bs-body-color") }),
      hoverlabel: { bgcolor: colour("--bs-tertiary-bg"), font: { color: colour("--bs-body-color") }, bordercolor: colour("--figure-grid") },
    });
    // A finger that scrolls the page must not be caught by a chart.
    if (byFinger.matches) { clear.dragmode = false; }
    for (const menu of clear.updatemenus || []) {
      Object.assign(menu, { bgcolor: colour("--card"), bordercolor: colour("--figure-grid"), font: { color: colour("--bs-body-color"), size: 11 } });
    }
    for (const name of Object.keys(layout)) {
      if (/^[xy]axis/.test(name)) { clear[name] = Object.assign({}, axis, layout[name]); }
    }
    return clear;
  }
  function draw(box, figure) {
    const layout = themed(Object.assign({ autosize: true, height: Number(box.dataset.height) || 320 }, figure.layout));
    const toSave = box.dataset.save === "yes";
    // Plotly's "Share chart" would carry the operator's figures to somebody else's host.
    const removed = ["sendChartToCloud", "sendDataToCloud", "select2d", "lasso2d", "autoScale2d"].concat(toSave ? [] : ["toImage"]);
    const options = { responsive: true, displaylogo: false, displayModeBar: toSave || (byFinger.matches ? false : "hover"),
      modeBarButtonsToRemove: removed, scrollZoom: false };
    return window.Plotly.react(box, figure.data, layout, options).then(function () { box.dataset.drawn = "yes"; });
  }
  function fail(box) {
    box.textContent = "The chart could not be drawn; its numbers are in the table.";
    box.dataset.failed = "yes";
  }
  async function start(box) {
    try {
      const block = box.querySelector('script[type="application/json"]');
      const figure = block ? JSON.parse(block.textContent) : await (await fetch(box.dataset.figure)).json();
      box.replaceChildren();
      await draw(box, figure);
      document.addEventListener("themechange", function () { draw(box, figure); });
    } catch (error) {
      console.error(error);
      fail(box);
    }
  }
  const boxes = document.querySelectorAll(".figure");
  if (!window.Plotly) { boxes.forEach(fail); return; }
  const seen = new IntersectionObserver(function (entries) {
    for (const entry of entries) {
      if (entry.isIntersecting) { seen.unobserve(entry.target); start(entry.target); }
    }
  }, { rootMargin: "300px" });
  boxes.forEach(function (box) { seen.observe(box); });
  // A part of a page that was put in later says so by this event.
  document.addEventListener("figuresadded", function (event) {
    for (const box of event.target.querySelectorAll(".figure")) { seen.observe(box); }
  });
})();
