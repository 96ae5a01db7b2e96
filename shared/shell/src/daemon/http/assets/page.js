// Keeps the page up to date: asks whether anything is new, and if so takes the page's own HTML anew, so that there is
// one way to show things, and that one escapes everything. Without this file the page is complete and stands still.
"use strict";
(() => {
  const EVERY_MS = 4000;
  const LONGEST_MS = 60000;
  let tag = document.body.dataset.tag;
  let failures = 0;
  let timer = 0;

  const span = (seconds) => {
    if (seconds < 10) return `${seconds.toFixed(1)} s`;
    if (seconds < 120) return `${Math.floor(seconds)} s`;
    if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
    return `${Math.floor(seconds / 86400)} days`;
  };

  // The server's clock counts: the browser's may be wrong.
  let ahead = Date.parse(document.getElementById("now")?.dateTime) - Date.now() || 0;
  const now = () => Date.now() + ahead;

  const tell = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  const age = () => {
    for (const element of document.querySelectorAll("[data-until]")) {
      const left = (Date.parse(element.dataset.until) - now()) / 1000;
      tell(element, left > 0 ? `in ${span(left)}` : "now");
    }
    for (const element of document.querySelectorAll("[data-since]")) {
      tell(element, `${span(Math.max(0, (now() - Date.parse(element.dataset.since)) / 1000))} ago`);
    }
  };

  const asOf = (iso) => {
    ahead = Date.parse(iso) - Date.now();
    const element = document.getElementById("now");
    element.dateTime = iso;
    tell(element, `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`);
  };

  // One tab stop for each strip, and the arrows within it.
  const rove = (root) => {
    for (const strip of root.querySelectorAll("ol.strip")) {
      const links = [...strip.querySelectorAll("a")];
      const chosen = links.find((link) => link === document.activeElement) ?? links.at(-1);
      for (const link of links) link.tabIndex = link === chosen ? 0 : -1;
    }
  };
  document.addEventListener("keydown", (event) => {
    const strip = event.target.closest?.("ol.strip");
    if (!strip || event.ctrlKey || event.altKey || event.metaKey) return;
    const links = [...strip.querySelectorAll("a")].filter((link) => link.offsetParent !== null);
    const at = links.indexOf(event.target);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: links.length - 1 }[event.key];
    if (to === undefined || !links[to]) return;
    event.preventDefault();
    for (const link of links) link.tabIndex = -1;
    links[to].tabIndex = 0;
    links[to].focus();
  });

  // What an element says, but for how long ago that is, and whatever this file has changed in it since.
  const sent = new Map();
  const said = (element) => {
    const copy = element.cloneNode(true);
    for (const ageing of copy.querySelectorAll("[data-until], [data-since]")) ageing.textContent = "";
    return copy.outerHTML;
  };

  const refresh = async () => {
    const answer = await fetch(location.pathname, { cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const ids = (root) => [...root.querySelectorAll("[data-live]")].map((element) => element.id).join(" ");
    if (ids(fresh) !== ids(document)) {
      // Functions came or went with another configuration.
      location.reload();
      return;
    }
    document.title = fresh.title;
    for (const element of fresh.querySelectorAll("[data-live]")) {
      const says = said(element);
      if (sent.get(element.id) === says) continue;
      sent.set(element.id, says);
      const old = document.getElementById(element.id);
      const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
      if (old.getAttribute("role") === "status") {
        // What is announced keeps its element, and changes what is in it.
        old.className = element.className;
        old.replaceChildren(...element.childNodes);
      } else {
        element.classList.add("fresh");
        old.replaceWith(element);
      }
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    }
    rove(document);
  };

  const look = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const headers = tag ? { "If-None-Match": tag } : {};
      const answer = await fetch("/status.json", { headers, cache: "no-store", signal: AbortSignal.timeout(10000) });
      if (answer.status === 200) {
        const status = await answer.json();
        await refresh();
        tag = answer.headers.get("etag");
        asOf(status.at.replace(/\.\d+/, ""));
      } else if (answer.status === 304) {
        const date = new Date(answer.headers.get("date") ?? now());
        asOf(date.toISOString().replace(/\.\d+/, ""));
      } else {
        throw new Error(`HTTP ${answer.status}`);
      }
      failures = 0;
      tell(document.getElementById("lost"), "");
    } catch {
      failures += 1;
      tell(document.getElementById("lost"), "no answer from the daemon");
    }
    age();
    clearTimeout(timer);
    timer = setTimeout(look, Math.min(EVERY_MS * 2 ** failures, LONGEST_MS));
  };

  for (const element of document.querySelectorAll("[data-live]")) sent.set(element.id, said(element));
  rove(document);
  age();
  document.addEventListener("visibilitychange", look);
  timer = setTimeout(look, EVERY_MS);
})();
