// Light or dark before anything is painted: what the person chose, else what the system says.
(function () {
  "use strict";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  function chosen() {
    try { return localStorage.getItem("theme") || "auto"; } catch { return "auto"; }
  }
  function apply() {
    const theme = chosen() === "auto" ? (dark.matches ? "dark" : "light") : chosen();
    document.documentElement.setAttribute("data-bs-theme", theme);
    document.dispatchEvent(new CustomEvent("themechange"));
  }
  window.consoleTheme = {
    chosen: chosen,
    choose: function (theme) {
      try { localStorage.setItem("theme", theme); } catch { /* private browsing: for this page only */ }
      apply();
    },
  };
  dark.addEventListener("change", apply);
  apply();
})();
