// The policy editor: tabs over plain textareas, line numbers, marks at lines with problems, checks while somebody
// types, and a copy of the text in this tab alone. Without it the page is a form with a textarea for each file.
"use strict";

const KEPT = "casemate-draft";
const SETTLE_MS = 400;

(() => {
  const form = document.querySelector("[data-editor]");
  if (document.querySelector("[data-draft-sent]")) sessionStorage.removeItem(KEPT);
  if (!form) return;

  const files = [...form.querySelectorAll(".pe-file")].map((section) => ({
    name: section.dataset.file,
    section,
    text: section.querySelector("textarea"),
    gutter: section.querySelector(".pe-gutter").appendChild(document.createElement("div")),
    marks: section.querySelector(".pe-marks"),
    lines: 0,
  }));
  const checked = document.getElementById("checked");
  const state = document.getElementById("check-state");
  const served = JSON.stringify(texts());
  const limit = Number(form.dataset.limit);
  let changed = "";
  let settle = 0;
  let whole = false;
  let stale = false;

  function texts() {
    return Object.fromEntries(files.map((file) => [file.name, file.text.value]));
  }

  // --- tabs

  const bar = form.querySelector(".pe-tabs");
  for (const file of files) {
    const tab = document.createElement("button");
    Object.assign(tab, { type: "button", textContent: file.name, id: `tab-${file.name}` });
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", `file-${file.name}`);
    Object.assign(file.section, { id: `file-${file.name}` });
    file.section.setAttribute("role", "tabpanel");
    file.section.setAttribute("aria-labelledby", tab.id);
    file.count = Object.assign(document.createElement("span"), { className: "pe-count", hidden: true });
    tab.append(file.count);
    tab.addEventListener("click", () => open(file));
    bar.append(tab);
    file.tab = tab;
  }
  bar.hidden = false;
  form.classList.add("pe-tabbed");
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = files.findIndex((file) => file.tab === document.activeElement);
    const next = files[(at + step + files.length) % files.length];
    open(next);
    next.tab.focus();
    event.preventDefault();
  });

  function open(file) {
    for (const other of files) {
      other.section.hidden = other !== file;
      other.tab.setAttribute("aria-selected", String(other === file));
      other.tab.tabIndex = other === file ? 0 : -1;
    }
    number(file);
    scroll(file);
  }

  // --- line numbers and marks

  function number(file) {
    const lines = file.text.value.split("\n").length;
    if (lines === file.lines) return;
    file.lines = lines;
    file.gutter.textContent = Array.from({ length: lines }, (_, index) => index + 1).join("\n");
  }

  function scroll(file) {
    for (const part of [file.gutter, file.marks]) part.style.transform = `translateY(${-file.text.scrollTop}px)`;
  }

  function lineHeight(file) {
    return parseFloat(getComputedStyle(file.text).lineHeight);
  }

  function mark() {
    const found = [...checked.querySelectorAll("[data-go]")];
    for (const file of files) {
      const ours = found.filter((one) => one.dataset.go === file.name);
      file.marks.replaceChildren(...ours.map((one) => {
        const line = document.createElement("div");
        line.className = one.dataset.kind === "warning" ? "pe-mark warning" : "pe-mark";
        line.dataset.line = one.dataset.line;
        line.style.top = `${(one.dataset.line - 1) * lineHeight(file)}px`;
        return line;
      }));
      file.count.hidden = ours.length === 0;
      file.count.textContent = ours.length;
      file.tab.setAttribute("aria-label", ours.length ? `${file.name}, ${ours.length} problems` : file.name);
      file.text.setAttribute("aria-invalid", String(ours.some((one) => one.dataset.kind !== "warning")));
    }
  }

  function go(link) {
    const file = files.find((one) => one.name === link.dataset.go);
    if (!file) return;
    open(file);
    const lines = file.text.value.split("\n");
    const line = Math.min(Number(link.dataset.line), lines.length) - 1;
    const start = lines.slice(0, line).reduce((sum, one) => sum + one.length + 1, 0);
    // Columns count characters, and a text of JavaScript counts pairs twice.
    const at = start + [...lines[line]].slice(0, Number(link.dataset.column) - 1).join("").length;
    file.text.focus({ preventScroll: true });
    file.text.scrollIntoView({ block: "nearest" });
    file.text.setSelectionRange(at, at);
    file.text.scrollTop = Math.max(0, (line - 8) * lineHeight(file));
    scroll(file);
  }

  checked.addEventListener("click", (event) => {
    const link = event.target.closest("[data-go]");
    if (!link) return;
    event.preventDefault();
    go(link);
  });

  // --- checking

  function touched(file) {
    changed = file.name;
    stale = true;
    number(file);
    clearTimeout(settle);
    settle = setTimeout(() => { keep(); check(false); }, SETTLE_MS);
  }

  function large() {
    return files.reduce((sum, file) => sum + file.text.value.length, 0) > limit;
  }

  function check(all) {
    clearTimeout(settle);
    whole = all;
    if (!all && large() && (files.find((file) => file.name === changed)?.text.value.length ?? 0) > limit) {
      state.textContent = `${changed} is too large to be checked while you type; press “Check everything”.`;
      return;
    }
    state.textContent = all ? "Checking everything…" : "Checking…";
    htmx.trigger(checked, "check");
  }

  form.querySelector("[data-check]").addEventListener("click", (event) => {
    event.preventDefault();
    check(true);
  });

  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt !== checked) return;
    const sent = event.detail.parameters;
    if (whole) {
      sent.set("whole", "1");
      return;
    }
    if (!large() || !changed) return;
    // Too much to send at every pause: only the file that is being written.
    for (const file of files) if (file.name !== changed) sent.delete(`file:${file.name}`);
    sent.set("only", changed);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.elt !== checked) return;
    state.textContent = "";
    stale = false;
    mark();
  });
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      if (form.contains(event.detail.elt)) state.textContent = "That did not reach casemate. Your text is kept in this tab; it is checked again as you type.";
      keep();
    });
  }

  // --- typing

  for (const file of files) {
    let leaving = false;
    file.text.addEventListener("input", () => touched(file));
    file.text.addEventListener("scroll", () => scroll(file));
    file.text.addEventListener("blur", () => { leaving = false; });
    file.text.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        leaving = true;
        event.stopPropagation();
        return;
      }
      const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing;
      if (event.key === "Tab" && plain && !leaving) {
        event.preventDefault();
        indent(file.text, event.shiftKey);
      } else if (event.key === "Enter" && plain && !event.shiftKey) {
        const before = file.text.value.slice(0, file.text.selectionStart).split("\n").at(-1);
        const space = /^ */.exec(before)[0];
        if (space) {
          event.preventDefault();
          document.execCommand("insertText", false, `\n${space}`);
        }
      }
      if (event.key !== "Tab" && event.key !== "Shift") leaving = false;
    });
  }

  // What the browser inserts can be undone with its own undo.
  function indent(text, back) {
    const { selectionStart: from, selectionEnd: to, value } = text;
    const start = value.lastIndexOf("\n", from - 1) + 1;
    if (from === to && !back) {
      document.execCommand("insertText", false, " ".repeat(2 - ((from - start) % 2)));
      return;
    }
    const lines = value.slice(start, to).split("\n");
    const moved = lines.map((line) => (back ? line.replace(/^ {1,2}/, "") : `  ${line}`));
    if (moved.join("\n") === lines.join("\n")) return;
    text.setSelectionRange(start, to);
    document.execCommand("insertText", false, moved.join("\n"));
    if (from === to) text.setSelectionRange(...Array(2).fill(Math.max(start, from + moved[0].length - lines[0].length)));
    else text.setSelectionRange(start, start + moved.join("\n").length);
  }

  // --- a copy in this tab, for a session that ends and a request that fails

  function keep() {
    const now = texts();
    if (JSON.stringify(now) === served && !("sent" in form.dataset)) {
      sessionStorage.removeItem(KEPT);
      return;
    }
    try {
      sessionStorage.setItem(KEPT, JSON.stringify({ user: form.dataset.user, start: form.dataset.start, at: Date.now(), files: now }));
    } catch {
      state.textContent = "This is too much for the browser to keep a copy of; copy it yourself before you leave.";
    }
  }

  addEventListener("pagehide", () => { if (stale || sessionStorage.getItem(KEPT)) keep(); });
  form.addEventListener("submit", keep);

  function kept() {
    try {
      return JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    } catch {
      return null;
    }
  }

  const offer = document.getElementById("draft-offer");
  const draft = kept();
  if (draft && draft.user !== form.dataset.user) sessionStorage.removeItem(KEPT);
  else if (draft && "sent" in form.dataset) keep();
  else if (draft && JSON.stringify(draft.files) !== served) {
    const other = draft.start === form.dataset.start ? "" : `, begun with bundle ${draft.start.slice(0, 12)}`;
    offer.querySelector("[data-offer-when]").textContent = `Written ${new Date(draft.at).toLocaleTimeString()}${other}.`;
    offer.hidden = false;
  }
  offer.addEventListener("click", (event) => {
    if (event.target.closest("[data-forget]")) sessionStorage.removeItem(KEPT);
    else if (!event.target.closest("[data-bring-back]")) return;
    else bringBack(draft);
    offer.hidden = true;
  });

  function bringBack(from) {
    const missing = [];
    for (const [name, text] of Object.entries(from.files)) {
      const file = files.find((one) => one.name === name);
      if (file) [file.text.value, file.lines] = [text, 0];
      else missing.push(name);
    }
    for (const file of files) number(file);
    if (missing.length) state.textContent = `It also has ${missing.join(", ")}: add the file, then bring it back once more.`;
    changed = files[0].name;
    stale = true;
    if (!missing.length) keep();
    check(true);
  }

  const wanted = files.find((file) => location.hash === `#text-${file.name}`);
  open(wanted ?? files[0]);
  mark();
  // htmx listens from then on.
  if (!("sent" in form.dataset)) document.addEventListener("DOMContentLoaded", () => check(false));
})();
