// The transcript runs along with the recording: the line that is being said stands out, and a line plays from there.
(() => {
  const audio = document.querySelector("audio"), transcript = document.querySelector("[data-transcript]");
  if (!audio || !transcript) return;
  const lines = [...transcript.querySelectorAll("[data-begins]")].map((item) => ({item, begins: Number(item.dataset.begins)}));
  for (const {item, begins} of lines) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "seek";
    button.textContent = "▶";
    button.setAttribute("aria-label", `${transcript.dataset.seek}: ${item.lastChild.textContent.trim().slice(0, 60)}`);
    button.addEventListener("click", () => { audio.currentTime = begins; audio.play(); });
    item.querySelector(".who").prepend(button, " ");
  }
  audio.addEventListener("timeupdate", () => {
    const current = audio.paused && audio.currentTime === 0 ? null : lines.findLast(({begins}) => begins <= audio.currentTime + 0.2);
    for (const line of lines) {
      if (line === current) line.item.setAttribute("aria-current", "true");
      else line.item.removeAttribute("aria-current");
    }
  });
})();
