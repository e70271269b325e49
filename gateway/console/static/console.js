// What every page of the console does in the browser: times, shortcuts, dialogs, live updates. No page needs it to
// decide on an action: forms work without it.
"use strict";

// --- times: in the reader's zone, with UTC on hover

const NEAR = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const FAR = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];

function duration(seconds) {
  for (const [size, unit] of UNITS) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return `${Math.floor(seconds)} s`;
}

function writeTimes(root) {
  const today = new Date().toDateString();
  for (const time of root.querySelectorAll("time[data-when]")) {
    const at = new Date(time.dateTime);
    time.textContent = (at.toDateString() === today ? NEAR : FAR).format(at);
  }
  for (const time of root.querySelectorAll("time[data-ago]")) {
    time.textContent = duration(Math.abs(Date.now() - new Date(time.dateTime)) / 1000);
  }
}

setInterval(() => writeTimes(document), 30000);

// On a narrow screen the tab one is in may lie beyond the edge; the page itself stays where it is.
for (const tab of document.querySelectorAll(".tabs [aria-current], .menu [aria-current]")) {
  const bar = tab.parentElement;
  bar.scrollLeft += tab.getBoundingClientRect().left - bar.getBoundingClientRect().left - (bar.clientWidth - tab.offsetWidth) / 2;
}

// --- what changes while a page is open

let source = null;

function tell(state, words) {
  const sign = document.getElementById("live-state");
  if (sign) [sign.dataset.state, sign.textContent] = [state, words];
}

function wake(tickets) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const about = part.dataset.live;
    if (about === "all" || tickets === null || tickets.includes(about)) htmx.trigger(part, "live");
  }
}

function listen() {
  if (source || document.hidden || !document.getElementById("live-state")) return;
  source = new EventSource("/live");
  let first = true;
  source.addEventListener("changed", (event) => {
    tell("on", "live");
    const { tickets, halted } = JSON.parse(event.data);
    // The first beat after a pause: anything may have happened.
    wake(first && listen.before ? null : tickets);
    const banner = document.getElementById("halted");
    if (banner && halted !== (banner.childElementCount > 0)) htmx.trigger(banner, "flip");
    first = false;
    listen.before = true;
  });
  source.addEventListener("away", () => tell("off", "database away"));
  source.addEventListener("error", (event) => {
    // A browser tries again by itself, but not where it was refused: the session is over.
    tell("off", event.target.readyState === EventSource.CLOSED ? "signed out" : "reconnecting");
  });
}

// A browser keeps few connections to one host: pages that nobody looks at give theirs back.
document.addEventListener("visibilitychange", () => {
  if (document.hidden && source) {
    source.close();
    source = null;
  } else listen();
});

// --- shortcuts: data-keys="a" or "g q", with data-help for the list

let before = "";
let forget = 0;

function typing(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

function items() {
  return [...document.querySelectorAll("[data-item]")].filter((item) => item.offsetParent !== null);
}

function move(step) {
  const all = items();
  if (!all.length) return;
  const at = all.indexOf(document.activeElement.closest?.("[data-item]"));
  const next = all[Math.min(all.length - 1, Math.max(0, at + step))] ?? all[0];
  (next.querySelector("[data-primary]") ?? next).focus();
  next.scrollIntoView({ block: "nearest" });
}

function pressed(keys) {
  const within = document.activeElement.closest?.("[data-item]");
  const scopes = [within, ...document.querySelectorAll("dialog[open]"), document];
  for (const scope of scopes) {
    if (!scope) continue;
    for (const target of scope.querySelectorAll("[data-keys]")) {
      const elsewhere = scope === document && target.closest("[data-item]");
      if (target.dataset.keys !== keys || elsewhere || target.disabled) continue;
      if (target.matches("input:not([type=checkbox]), textarea, select")) target.focus();
      else target.click();
      return true;
    }
  }
  return false;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const modal = document.querySelector("dialog[open]") !== null;
  const keys = before ? `${before} ${event.key}` : event.key;
  clearTimeout(forget);
  before = "";
  if (!modal && event.key === "j") move(1);
  else if (!modal && event.key === "k") move(-1);
  else if (pressed(keys)) { /* done */ }
  else {
    if (event.key === "g") {
      before = "g";
      forget = setTimeout(() => { before = ""; }, 1500);
    }
    return;
  }
  event.preventDefault();
});

function listShortcuts() {
  const list = document.querySelector("[data-shortcuts]");
  if (!list) return;
  const found = new Map(items().length ? [["j", "Next in the list"], ["k", "Previous in the list"], ["enter", "Open it"]] : []);
  for (const target of document.querySelectorAll("[data-keys][data-help]")) found.set(target.dataset.keys, target.dataset.help);
  list.replaceChildren(...[...found].flatMap(([keys, help]) => {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    for (const key of keys.split(" ")) term.append(Object.assign(document.createElement("kbd"), { textContent: key }), " ");
    text.textContent = help;
    return [term, text];
  }));
}

// --- small things

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    if (opener.dataset.dialog === "shortcuts") listShortcuts();
    opener.closest("details")?.removeAttribute("open");
    document.getElementById(opener.dataset.dialog)?.showModal();
  }
  event.target.closest("[data-dismiss]")?.parentElement.remove();
  if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
  if (event.target.closest("[data-theme-switch]")) switchTheme();
  const copy = event.target.closest("[data-copy]");
  if (copy) navigator.clipboard?.writeText(copy.dataset.copy);
  for (const open of document.querySelectorAll("details.account[open]")) if (!open.contains(event.target)) open.open = false;
});

// What a page kept in this tab is its writer's, and not the next person's.
document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("action") === "/sign-out") sessionStorage.clear();
});

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("casemate-theme", root.dataset.theme);
}

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = document.querySelector("meta[name=csrf]")?.content ?? "";
});
// A session that ended while a page was open: what somebody is typing there stays; the next thing they ask for leads
// to the sign-in page.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (event.detail.xhr.status === 401 && event.detail.requestConfig.triggeringEvent?.type === "live") {
    event.preventDefault();
    tell("off", "signed out");
  }
});
// An answer that is no success is shown too: the server says where (HX-Retarget).
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status >= 400 && event.detail.xhr.getResponseHeader("HX-Retarget")) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
document.addEventListener("htmx:afterSwap", (event) => writeTimes(event.detail.elt.parentElement ?? document));
document.addEventListener("htmx:oobAfterSwap", (event) => writeTimes(event.detail.elt.parentElement ?? document));

writeTimes(document);
listen();
