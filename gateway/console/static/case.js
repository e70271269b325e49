// A case: hiding an original again, and lighting up a node's connections. Everything else works without scripts.
"use strict";

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-hide]")) event.target.closest(".original, .revealed")?.replaceChildren();
});

// What one asks for is dropped from the form once it was answered: a second look needs a reason of its own.
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.elt.matches?.("form[hx-post$='/reveal']")) event.detail.elt.reset();
});

function lit(node) {
  for (const other of document.querySelectorAll(".graph .lit")) other.classList.remove("lit");
  const graph = document.querySelector("svg.graph.chart");
  graph?.classList.toggle("choosing", node !== null);
  if (node === null) return;
  const number = node.dataset.node;
  node.classList.add("lit");
  for (const tie of graph.querySelectorAll(".tie")) {
    if (tie.dataset.one !== number && tie.dataset.other !== number) continue;
    tie.classList.add("lit");
    const far = tie.dataset.one === number ? tie.dataset.other : tie.dataset.one;
    graph.querySelector(`[data-node="${far}"]`)?.classList.add("lit");
  }
}

for (const node of document.querySelectorAll("svg.graph [data-node]")) {
  node.addEventListener("pointerenter", () => lit(node));
  node.addEventListener("pointerleave", () => lit(null));
}
