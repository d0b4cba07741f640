// Says whether the page's live streams are true. The server sends "alive" with the milliseconds until the next one;
// a page that does not hear it in time says since when, even when the network went silent without closing anything.
(() => {
  const GRACE_MS = 1500;
  const CHECK_MS = 250;
  const streams = new Map(); // element -> { connection, heard, next, polling }

  const show = (state, text) => {
    for (const badge of document.querySelectorAll("[data-live]")) {
      const words = text(badge.dataset);
      if (badge.dataset.live === state && badge.textContent === words) continue;
      badge.dataset.live = state;
      badge.textContent = words;
    }
  };
  const clock = (moment) => new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" }).format(moment);

  // The session or the membership is over: what the stream showed goes, and the way to the log-in is there instead.
  const leave = (element) => {
    streams.delete(element);
    const badge = document.querySelector("[data-live]");
    show("off", (words) => words.textGone);
    const notice = document.createElement("p");
    notice.className = "notice error";
    notice.setAttribute("role", "alert");
    const link = document.createElement("a");
    link.href = badge?.dataset.hrefGone ?? "/login";
    link.textContent = badge?.dataset.linkGone ?? link.href;
    notice.append(`${badge?.dataset.textGone ?? ""}. `, link);
    element.replaceWith(notice);
    link.focus();
  };

  document.addEventListener("alive", (event) => {
    const stream = streams.get(event.target) ?? {};
    const next = Number(event.detail.data);
    streams.set(event.target, { ...stream, heard: Date.now(), next, since: null, polling: next > 5000 });
    if ([...streams.values()].every((one) => !one.since)) {
      show("on", (words) => ([...streams.values()].some((one) => one.polling) ? words.textPolling : words.textOn));
    }
  });
  document.addEventListener("gone", (event) => leave(event.target));
  document.addEventListener("htmx:sse:after:connection", (event) => {
    const stream = streams.get(event.target) ?? { heard: Date.now(), next: GRACE_MS };
    streams.set(event.target, { ...stream, connection: event.detail.connection });
  });
  document.addEventListener("htmx:sse:error", (event) => {
    if ([401, 403, 404].includes(event.detail?.status)) leave(event.target);
    else if (!streams.get(event.target)?.polling) show("off", (words) => words.textOff);
  });
  // htmx closes the streams of a page that nobody sees and opens them again afterwards.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) for (const stream of streams.values()) stream.heard = Date.now();
  });

  setInterval(() => {
    if (document.hidden) return;
    for (const [element, stream] of streams) {
      if (!element.isConnected) streams.delete(element);
      else if (Date.now() - stream.heard > stream.next + GRACE_MS) {
        stream.since ??= stream.heard;
        stream.heard = Date.now(); // once for each silence: htmx needs a moment to connect again
        stream.connection?.reader?.cancel();
      }
      if (stream.since) show("off", (words) => words.textStale.replace("{time}", clock(stream.since)));
    }
  }, CHECK_MS);

  // A dropdown closes when the click is elsewhere.
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.dropdown[open]")) {
      if (!open.contains(event.target)) open.removeAttribute("open");
    }
  });
})();
