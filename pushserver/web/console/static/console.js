// What pages do besides, where scripts run: instants that grow, copying, and the stream
// that says which parts to fetch again. Everything reads without it.
(() => {
  "use strict";
  const body = document.body;
  document.documentElement.classList.add("scripted");

  // Instants: "3 s ago" goes on counting, in the words of the page.
  const units = (body.dataset.units || "").split("|");
  const UNITS = [[86400, 3], [3600, 2], [60, 1], [1, 0]];
  let skew = 0;
  function relative(at) {
    const seconds = (Date.now() + skew - at) / 1000;
    const span = Math.abs(seconds);
    if (span < 1) return body.dataset.now;
    const [size, unit] = UNITS.find(([each]) => span >= each);
    const text = units[unit].replace("{n}", Math.floor(span / size));
    return body.dataset[seconds >= 0 ? "ago" : "ahead"].replace("{span}", text);
  }
  function updateInstants() {
    if (document.hidden) return;
    for (const each of document.querySelectorAll("time[data-at]")) {
      const text = relative(Number(each.dataset.at));
      if (each.textContent !== text) each.textContent = text;
    }
  }
  setInterval(updateInstants, 1000);

  // Where the menu is too narrow for where one is, it begins there.
  const here = document.querySelector(".menu [aria-current]");
  if (here) {
    const menu = here.parentElement, left = here.offsetLeft - menu.offsetLeft;
    if (left + here.offsetWidth > menu.clientWidth) menu.scrollLeft = left - 60;
  }

  // Copying.
  function enhance(root) {
    for (const each of root.querySelectorAll(".copy[hidden]")) each.hidden = !navigator.clipboard;
  }
  enhance(document);
  document.addEventListener("click", async (event) => {
    const button = event.target.closest(".copy");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("done");
    button.setAttribute("title", button.dataset.done);
    setTimeout(() => button.classList.remove("done"), 1500);
  });
  document.addEventListener("htmx:afterSettle", (event) => enhance(event.target));

  // A form that is sent is not sent again by a doubled click.
  const SENT_FOR = 1500;
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    const now = Date.now(), by = event.submitter ? event.submitter.value : "";
    const isAgain = form.dataset.sentBy === by && now - form.dataset.sentAt < SENT_FOR;
    if (isAgain) return void event.preventDefault();
    Object.assign(form.dataset, { sentBy: by, sentAt: now });
  });

  // What opens is closed by Escape, or by a click elsewhere.
  const OPEN = "details.confirm[open], details.account[open]";
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const each of document.querySelectorAll(OPEN)) {
      each.open = false;
      each.querySelector("summary").focus();
    }
  });
  document.addEventListener("click", (event) => {
    for (const each of document.querySelectorAll(OPEN)) if (!each.contains(event.target)) each.open = false;
  });

  // What was said once is not said again by a reload.
  const address = new URL(location.href);
  if (address.searchParams.has("said")) {
    address.searchParams.delete("said");
    history.replaceState(history.state, "", address);
  }

  // Live parts.
  const badge = document.querySelector(".live");
  const parts = () => [...document.querySelectorAll("[data-live]")];
  if (!badge || !parts().length || !window.EventSource) return;
  const dirty = new Set();
  let stream = null, fetching = false, failures = 0, timer = 0, round = "";

  function show(state) {
    badge.hidden = false;
    if (badge.dataset.state === state) return;
    badge.dataset.state = state;
    badge.textContent = badge.dataset["live" + state[0].toUpperCase() + state.slice(1)];
  }
  const showLate = () => show(stream ? "behind" : "lost");
  // A part in which somebody is about to confirm something, or selects, stays as it is.
  const isBusy = (part) => part.querySelector("details.confirm[open], input:checked") || part.contains(document.querySelector(":focus:is(input, textarea, select)"));

  // What was typed into a form is not left behind.
  const isTyped = () => [...document.querySelectorAll("form[method=post] :is(input, textarea)")].some((each) => each.value !== each.defaultValue);

  // What somebody has opened or closed stays so.
  const keepsOpen = (name, node) => !(name === "open" && node.matches("details"));

  async function refresh() {
    if (fetching || !dirty.size || document.hidden) return;
    const due = parts().filter((part) => part.dataset.live.split(" ").some((topic) => dirty.has(topic)));
    const free = due.filter((part) => !isBusy(part));
    if (free.length < due.length) {
      showLate();
      clearTimeout(timer);
      timer = setTimeout(refresh, 1000);
      if (!free.length) return;
    } else dirty.clear();
    fetching = true;
    const late = setTimeout(showLate, 2000);
    try {
      // Who was told in the same round, or before, is shown the same.
      const live = round ? { "Live-Round": round } : {};
      const answer = await fetch(location.href, { headers: { "HX-Request": "true", ...live } });
      const redirect = answer.headers.get("HX-Redirect");
      if (redirect) return void (isTyped() ? show("ended") : location.assign(redirect));
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of free) {
        const fresh = page.getElementById(part.id);
        if (fresh && part.isConnected && !isBusy(part)) {
          Idiomorph.morph(part, fresh, { morphStyle: "outerHTML", ignoreActiveValue: true, callbacks: { beforeAttributeUpdated: keepsOpen } });
          enhance(document.getElementById(part.id));
        }
      }
      if (stream && !dirty.size) show("on");
    } catch { showLate(); } finally { clearTimeout(late); fetching = false; }
    if (dirty.size && !timer) refresh();
  }

  function open() {
    if (stream || document.hidden) return;
    const topics = new Set(parts().flatMap((part) => part.dataset.live.split(" ")));
    stream = new EventSource(body.dataset.liveUrl + "?topics=" + [...topics].join(","));
    stream.onopen = () => {
      if (failures || badge.dataset.state === "paused") { topics.forEach((topic) => dirty.add(topic)); refresh(); }
      failures = 0;
      show("on");
    };
    stream.addEventListener("changed", (event) => {
      for (const topic of JSON.parse(event.data)) dirty.add(topic);
      round = event.lastEventId;
      refresh();
    });
    stream.onerror = () => {
      close();
      failures += 1;
      show("lost");
      // It does not come back: perhaps nobody is signed in any more, which a page knows.
      if (failures > 1) { topics.forEach((topic) => dirty.add(topic)); refresh(); }
      setTimeout(open, Math.min(30000, 1000 * 2 ** failures));
    };
  }
  function close() {
    if (stream) stream.close();
    stream = null;
    round = "";
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return void open();
    close();
    show("paused");
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => event.persisted && open());
  open();
})();
