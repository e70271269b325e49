// The queue while it is open: rows are renewed in place, what is new waits behind a button, checked boxes are counted,
// and claims change without leaving the page. Without it every button leads to a page that does the same.
"use strict";

(() => {
  const list = document.getElementById("list");
  if (!list) return;
  const fresh = document.getElementById("fresh");
  const note = document.getElementById("checked");
  const bodies = () => [...list.querySelectorAll("tbody[data-rows]")];
  const rows = () => [...list.querySelectorAll("tr[data-item]")];
  let newest = null;
  let asking = false;
  let again = false;

  // --- checked boxes

  function count() {
    const checked = list.querySelectorAll("input[name=item]:checked").length;
    if (note) note.textContent = checked ? `${checked} checked` : "Checked:";
    for (const button of list.querySelectorAll(".bar [name=do]")) button.disabled = checked === 0;
  }

  // --- renewing

  // Cells that differ are replaced one by one, so that focus and checked boxes stay where they are.
  function renew(row, now) {
    row.className = now.className;
    [...row.cells].forEach((cell, at) => {
      const other = now.cells[at];
      if (cell.innerHTML === other.innerHTML) return;
      const box = cell.querySelector("input");
      if (box && other.querySelector("input")) {
        box.value = other.querySelector("input").value;
        return;
      }
      const focused = cell.contains(document.activeElement) && document.activeElement;
      const key = focused && focused.dataset.keys;
      cell.replaceChildren(...other.cloneNode(true).childNodes);
      if (!focused) return;
      const same = key ? cell.querySelector(`[data-keys="${key}"]`) : cell.querySelector("[data-primary]");
      (same ?? row.querySelector("[data-primary]")).focus({ preventScroll: true });
    });
  }

  async function ask() {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      const shown = rows().map((row) => row.id).join(",");
      const answer = await fetch(`${list.dataset.more}&shown=${shown}`, { headers: { "HX-Request": "true" } });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html").body.firstElementChild;
      writeTimes(page);
      take(page);
    } finally {
      asking = false;
      if (again) {
        again = false;
        ask();
      }
    }
  }

  function take(page) {
    const now = new Map([...page.querySelectorAll("tr[data-item]")].map((row) => [row.id, row]));
    const gone = new Set([...page.querySelectorAll("[data-rows=gone] tr")].map((row) => row.id));
    for (const row of rows()) {
      const other = now.get(row.id);
      if (other) renew(row, other);
      row.classList.toggle("gone", gone.has(row.id) && row.classList.contains("asks"));
    }
    for (const number of page.querySelectorAll("[data-count]")) {
      for (const shown of document.querySelectorAll(`.tabs [data-count="${number.dataset.count}"]`)) shown.textContent = number.textContent;
    }
    waiting(page.dataset.waiting);
    const here = new Set(rows().map((row) => row.id));
    const added = [...now.keys()].filter((id) => !here.has(id) && !gone.has(id));
    newest = added.length ? page : null;
    fresh.hidden = newest === null;
    fresh.textContent = `${added.length} new, show`;
    count();
  }

  function waiting(number) {
    document.title = document.title.replace(/^(\(\d+\) )?/, number === "0" ? "" : `(${number}) `);
    const badge = document.getElementById("waiting-count");
    if (!badge) return;
    badge.textContent = number;
    badge.hidden = number === "0";
    badge.setAttribute("aria-label", `${number} waiting for a person`);
  }

  // What is new goes where it belongs; what has left goes. Rows that stay are moved, not made anew.
  function show() {
    if (!newest) return;
    if (!bodies().length) {
      location.reload();
      return;
    }
    const mine = new Map(rows().map((row) => [row.id, row]));
    const active = document.activeElement?.closest?.("tr[data-item]")?.id;
    for (const body of bodies()) {
      const wanted = newest.querySelector(`[data-rows=${body.dataset.rows}]`);
      body.replaceChildren(...[...wanted.rows].map((row) => mine.get(row.id) ?? document.importNode(row, true)));
    }
    newest = null;
    fresh.hidden = true;
    const row = (active && document.getElementById(active)) ?? rows()[0];
    row?.querySelector("[data-primary]")?.focus({ preventScroll: true });
    count();
  }

  // --- claims

  async function claim(button) {
    const cell = button.closest("td");
    const form = new FormData(list, button);
    form.delete("item");
    const answer = await fetch(button.getAttribute("formaction"), { method: "POST", headers: { "HX-Request": "true" }, body: form });
    if (!answer.ok) return;
    const focused = cell.contains(document.activeElement);
    cell.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
    if (focused) cell.querySelector("[data-keys=c]")?.focus({ preventScroll: true });
  }

  list.addEventListener("click", (event) => {
    const button = event.target.closest("button.claim");
    if (!button) return;
    event.preventDefault();
    claim(button);
  });
  list.addEventListener("change", count);
  list.addEventListener("live", ask);
  fresh.addEventListener("click", show);
  // A filter that is chosen is meant.
  document.querySelector("form.tools")?.addEventListener("change", (event) => {
    if (event.target.matches("select")) event.target.form.requestSubmit();
  });
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.drop[open]")) if (!open.contains(event.target)) open.open = false;
  });
  count();
})();
