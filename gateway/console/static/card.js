// The card while it is open: time runs down, and what was answered, replaced or expired elsewhere takes no answer any
// more. The server decides all the same; nothing here moves or loses what somebody is typing.
"use strict";

(() => {
  const SOON = 300;
  let deadline = null;

  function exactly(seconds) {
    if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`;
    if (seconds >= 60) return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
    return `${seconds} s`;
  }

  function runDown() {
    const left = document.querySelector("[data-left]");
    if (!left || deadline === null) return;
    const seconds = Math.max(0, Math.ceil((deadline - Date.now()) / 1000));
    left.textContent = exactly(seconds);
    left.classList.toggle("soon", seconds <= SOON);
    if (seconds === 0) {
      deadline = null;
      close("Its time is up: it takes no answer any more.");
      const state = document.getElementById("card-state");
      if (state && window.htmx) htmx.trigger(state, "live");
    }
  }

  // The server says how long, not until when: this machine's clock may be wrong.
  function readDeadline() {
    const left = document.querySelector("[data-left]");
    deadline = left ? Date.now() + Number(left.dataset.left) * 1000 : null;
    runDown();
  }

  function close(sentence) {
    const notice = document.getElementById("closed");
    if (!notice || !document.querySelector(".send")) return;
    notice.textContent = sentence;
    notice.classList.remove("hidden");
    document.querySelector(".answers")?.classList.add("closed");
    for (const fieldset of document.querySelectorAll("fieldset.send")) fieldset.disabled = true;
    for (const text of document.querySelectorAll(".answer-form textarea, #edit textarea")) text.readOnly = true;
  }

  document.addEventListener("htmx:afterSwap", () => {
    const state = document.getElementById("card-state");
    if (!state) return;
    readDeadline();
    if (state.dataset.open === "no") close(`${state.querySelector(".standing")?.innerText.trim() ?? ""} It takes no answer any more; what you wrote was not recorded.`);
    else if (state.dataset.may === "no") close(state.querySelector(".cannot")?.innerText.trim() ?? "You cannot answer it any more.");
  });

  // The form that opens has the focus where one writes.
  for (const form of document.querySelectorAll("details.answer-form")) {
    form.addEventListener("toggle", () => { if (form.open) form.querySelector("textarea")?.focus(); });
  }

  setInterval(runDown, 1000);
  readDeadline();
})();
