// The board's clocks, which run between two drawings, and its signals: a chime for each new order, spoken where wanted.
(() => {
  const board = document.getElementById("board");
  const fill = (words, minutes) => words.replace("#", minutes);

  // --- Clocks: the same rules as domain/kitchen.py, by the browser's time ----------------------------------------
  const SOON_S = 15 * 60, LATE_S = 20 * 60, LOOK_EVERY_MS = 5000;
  const show = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const tick = () => {
    const now = Date.now() / 1000;
    for (const card of board.querySelectorAll("[data-begins]")) {
      const waited = now - card.dataset.begins, left = card.dataset.promised - now;
      const level = left <= 0 ? "overdue" : waited >= LATE_S ? "late" : waited >= SOON_S ? "soon" : "calm";
      card.className = `ticket ${level}`;
      show(card.querySelector("[data-waited]"), waited < 0 ? "" : fill(board.dataset.waited, Math.floor(waited / 60)));
      const minutes = Math.floor(left / 60);
      show(card.querySelector("[data-left]"), fill(minutes >= 0 ? board.dataset.left : board.dataset.over, Math.abs(minutes)));
      show(card.querySelector("[data-wait]"), level === "calm" ? "" : board.dataset[level]);
    }
  };
  setInterval(tick, LOOK_EVERY_MS);
  tick();

  // --- Signals ----------------------------------------------------------------------------------------------------
  const remembered = (name) => { try { return localStorage.getItem(`alloresto.${name}`) === "on"; } catch { return false; } };
  const remember = (name, on) => { try { localStorage.setItem(`alloresto.${name}`, on ? "on" : "off"); } catch { /* private window */ } };
  const sound = document.querySelector("[data-sound]"), speech = document.querySelector("[data-speech]");
  const wanted = {sound: remembered("sound"), speech: remembered("speech")};
  let audio = null;

  const label = () => {
    const waits = wanted.sound && audio?.state !== "running";
    sound.textContent = sound.dataset[!wanted.sound ? "textOff" : waits ? "textWait" : "textOn"];
    sound.toggleAttribute("data-wait", waits);
    sound.setAttribute("aria-pressed", String(wanted.sound));
    speech.textContent = speech.dataset[wanted.speech ? "textOn" : "textOff"];
    speech.setAttribute("aria-pressed", String(wanted.speech));
  };
  // Browsers let a page sound only after it was touched: the first tap anywhere is enough when sound is wanted.
  const wake = async () => {
    if (!wanted.sound) return;
    audio ??= new AudioContext();
    if (audio.state !== "running") await audio.resume().catch(() => {});
    label();
  };
  addEventListener("pointerdown", wake);
  addEventListener("keydown", wake);

  const NOTES_HZ = [880, 1174.66], NOTE_S = 0.22, CHIME_S = 1.2;
  let free = 0; // when the chime before has ended, in the audio clock
  const chime = () => {
    if (!wanted.sound || audio?.state !== "running") return;
    const start = Math.max(audio.currentTime, free);
    free = start + CHIME_S;
    NOTES_HZ.forEach((hertz, place) => {
      const at = start + place * NOTE_S, tone = audio.createOscillator(), gain = audio.createGain();
      tone.frequency.value = hertz;
      gain.gain.setValueAtTime(0, at);
      gain.gain.linearRampToValueAtTime(0.5, at + 0.02);
      gain.gain.exponentialRampToValueAtTime(0.001, at + 0.7);
      tone.connect(gain).connect(audio.destination);
      tone.start(at);
      tone.stop(at + 0.75);
    });
    board.dataset.chimes = Number(board.dataset.chimes ?? 0) + 1;
  };
  const speak = async (id) => {
    if (!wanted.speech || !("speechSynthesis" in window)) return;
    const answer = await fetch(`${board.dataset.say}/${id}/spoken`).catch(() => null);
    if (!answer?.ok) return;
    const {text, language} = await answer.json();
    const words = new SpeechSynthesisUtterance(text);
    words.lang = language;
    speechSynthesis.speak(words); // queued by the browser, one after the other
  };

  for (const [button, name] of [[sound, "sound"], [speech, "speech"]]) {
    button.addEventListener("click", async () => {
      wanted[name] = !wanted[name];
      remember(name, wanted[name]);
      await wake();
      label();
      if (name === "sound") chime(); // so that one hears what one has switched on
    });
  }
  document.querySelector("[data-signals]").hidden = false;
  label();

  // --- New orders -------------------------------------------------------------------------------------------------
  const numbers = () => new Map([...board.querySelectorAll("[data-order]")].map((item) => [item.dataset.order, item.dataset.number]));
  const known = new Set(numbers().keys());
  const announced = document.querySelector("[data-announce]");
  const look = () => {
    tick();
    for (const [id, number] of numbers()) {
      if (known.has(id)) continue;
      known.add(id);
      if (!document.getElementById(`order-${id}`).closest('[data-lane="confirmed"]')) continue;
      show(announced, `${announced.dataset.text} ${number}`);
      chime();
      speak(id);
    }
  };
  new MutationObserver(look).observe(board, {childList: true, subtree: true});

  // A drawing must not fold what somebody has opened.
  const unfolded = new Set();
  document.addEventListener("htmx:after:swap", () => {
    for (const fold of board.querySelectorAll("details[id]")) fold.open = unfolded.has(fold.id);
  });
  board.addEventListener("click", (event) => {
    const fold = event.target.closest("summary")?.parentElement;
    if (fold?.id) unfolded[fold.open ? "delete" : "add"](fold.id);
  });
})();
