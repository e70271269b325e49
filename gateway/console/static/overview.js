// The overview while it is open. It is counted again as long after something has happened as numbers are kept on the
// server, so that what happened is in them; a busy site renews it no more often than that.
"use strict";

let due = 0;
let focused = null;

function renew(part) {
  const chosen = document.getSelection();
  // Nobody loses the words that they are about to copy.
  if (chosen && !chosen.isCollapsed && part.contains(chosen.anchorNode)) {
    due = setTimeout(renew, 1000, part);
    return;
  }
  due = 0;
  htmx.trigger(part, "renew");
}

document.addEventListener("live", (event) => {
  const part = event.target.closest("[data-renew]");
  if (part && !due) due = setTimeout(renew, Number(part.dataset.renew) * 1000, part);
});

// A mark, a name and a number lead to the same list: the focus goes back to the same one of them.
function leading(part, href) {
  return [...part.querySelectorAll("a")].filter((link) => link.getAttribute("href") === href);
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.target.closest("[data-renew]");
  const link = part && document.activeElement?.closest("[data-renew] a");
  if (!part) return;
  focused = link ? [link.getAttribute("href"), leading(part, link.getAttribute("href")).indexOf(link)] : null;
});

document.addEventListener("htmx:afterSwap", (event) => {
  const part = event.target.closest("[data-renew]");
  if (!part || !focused) return;
  leading(part, focused[0])[focused[1]]?.focus({ preventScroll: true });
  focused = null;
});
