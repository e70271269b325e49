// Runs before the first paint, so that nobody who chose dark sees a white flash.
"use strict";
(() => {
  const kept = localStorage.getItem("casemate-theme");
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
})();
