// Says whether the page's live stream is connected, and returns to the login page when the session is over.
(() => {
  const mark = (state) => {
    for (const badge of document.querySelectorAll("[data-live]")) {
      badge.dataset.live = state;
      badge.textContent = badge.dataset[state === "on" ? "textOn" : "textOff"];
    }
  };
  document.addEventListener("htmx:sse:after:connection", () => mark("on"));
  document.addEventListener("htmx:sse:close", () => mark("off"));
  document.addEventListener("htmx:sse:error", (event) => {
    mark("off");
    if (event.detail?.status === 401) location.reload();
  });
  // A dropdown closes when the click is elsewhere.
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.dropdown[open]")) {
      if (!open.contains(event.target)) open.removeAttribute("open");
    }
  });
})();
