// The staff's device: shows the open orders, speaks new ones, moves one on by a tap. Everything is kept in IndexedDB, so
// it works without a network: what was tapped waits there and is sent when the network is back. Each tap has an id of
// its own, by which the server does it once, however often it arrives.
(() => {
  const place = document.getElementById("orders");
  const texts = JSON.parse(place.dataset.texts);
  const language = place.dataset.language;
  const NEXT = {confirmed: "preparing", preparing: "ready", ready: "done"};
  const LABEL = {confirmed: texts.new, preparing: texts.cooking, ready: texts.waits};
  const FIRST_WAIT_MS = 500, LONGEST_WAIT_MS = 30000;
  const AMBER_MIN = 15, RED_MIN = 20;
  // Half again as long as the server's own word for its next heartbeat, then the line is taken for dead.
  const PATIENCE = 2.5, FIRST_PATIENCE_MS = 20000, POLLING_MS = 5000;
  const MOST_AT_ONCE = 50, SPOKEN_KEPT = 500;
  const say = (text, value) => text.replace("%s", value);

  // --- What is kept ---

  const opened = new Promise((resolve, reject) => {
    const request = indexedDB.open(`alloresto ${location.pathname}`, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("kept");
      request.result.createObjectStore("taps", {keyPath: "tappedAt", autoIncrement: false});
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const within = async (store, mode, work) => {
    const database = await opened;
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(store, mode);
      const request = work(transaction.objectStore(store));
      transaction.oncomplete = () => resolve(request && request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  };
  const keep = (name, value) => within("kept", "readwrite", (store) => store.put(value, name));
  const kept = (name) => within("kept", "readonly", (store) => store.get(name));

  let orders = [];
  let taps = [];
  let spoken = new Set();
  let offlineSince = null;

  // --- What is seen ---

  const make = (name, attributes, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children.filter((child) => child !== null));
    return element;
  };

  // An order as it will stand when what was tapped has been sent.
  const asTapped = (order) => taps.filter((tap) => tap.order === order.id)
    .reduce((status, tap) => (status === tap.seen ? tap.to : status), order.status);

  const age = (order) => Math.max(0, Math.floor((Date.now() - Date.parse(order.confirmedAt)) / 60000));

  const card = (order) => {
    const status = asTapped(order);
    const minutes = age(order);
    const urgency = minutes >= RED_MIN ? "late" : minutes >= AMBER_MIN ? "soon" : "calm";
    const lines = order.lines.map((line) => make("li", {},
      make("b", {}, `${line.quantity} × ${line.name}`),
      line.extras.length ? make("span", {}, line.extras.join(", ")) : null,
      line.note ? make("em", {}, line.note) : null));
    const sending = taps.some((tap) => tap.order === order.id);
    const button = make("button", {type: "button"}, texts[status]);
    button.addEventListener("click", () => tap(order, status));
    return make("article", {id: `order-${order.id}`, "data-status": status, "data-urgency": urgency},
      make("h2", {}, `${order.number}`, make("small", {}, ` ${LABEL[status]}`)),
      make("p", {class: "facts"}, `${order.fulfilment} ${say(texts.promised, order.promised)}`,
        order.name ? ` · ${order.name}` : "", make("strong", {class: "age"}, say(texts.minutes, minutes))),
      order.allergies ? make("p", {class: "allergies"}, `${texts.allergies}: ${order.allergies}`) : null,
      make("ul", {}, ...lines),
      sending ? make("p", {class: "sending"}, texts.sending) : null,
      button);
  };

  const draw = () => {
    const focused = document.activeElement?.closest?.("article")?.id;
    const shown = orders.filter((order) => asTapped(order) in NEXT).map(card);
    place.replaceChildren(...(shown.length ? shown : [make("p", {class: "empty"}, texts.empty)]));
    place.setAttribute("aria-busy", "false");
    if (focused) document.getElementById(focused)?.querySelector("button")?.focus();
    const queued = document.getElementById("queued");
    queued.hidden = taps.length === 0;
    queued.textContent = say(texts.queued, taps.length);
  };

  const online = (yes) => {
    const state = document.getElementById("state");
    if (yes) offlineSince = null;
    else offlineSince ??= new Date();
    state.dataset.state = yes ? "online" : "offline";
    const clock = offlineSince?.toLocaleTimeString(language, {hour: "2-digit", minute: "2-digit", hourCycle: "h23"});
    state.textContent = yes ? texts.online : say(texts.offline, clock);
  };

  // --- What is heard ---

  const speak = document.getElementById("speak");
  let aloud = localStorage.getItem("aloud") === "yes";
  const showAloud = () => speak.setAttribute("aria-pressed", aloud);
  speak.hidden = !("speechSynthesis" in window);
  speak.addEventListener("click", () => {
    aloud = !aloud;
    localStorage.setItem("aloud", aloud ? "yes" : "no");
    if (!aloud) speechSynthesis.cancel();
    showAloud();
  });
  showAloud();

  const speakNew = async () => {
    const fresh = orders.filter((order) => order.status === "confirmed" && !spoken.has(order.id));
    if (!fresh.length) return;
    for (const order of fresh) {
      spoken.add(order.id);
      if (!aloud || speak.hidden) continue;
      const utterance = new SpeechSynthesisUtterance(order.spoken);
      utterance.lang = language === "fr" ? "fr-FR" : "en-GB";
      speechSynthesis.speak(utterance);
    }
    spoken = new Set([...spoken].slice(-SPOKEN_KEPT));
    await keep("spoken", [...spoken]);
  };

  // --- What is tapped ---

  // crypto.randomUUID is there over https only; a test kitchen may be on plain http.
  const newId = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  };

  const tap = async (order, seen) => {
    const last = taps.length ? taps[taps.length - 1].tappedAt : 0;
    const one = {tappedAt: Math.max(Date.now(), last + 1), id: newId(), order: order.id, seen, to: NEXT[seen]};
    taps.push(one);
    await within("taps", "readwrite", (store) => store.put(one));
    draw();
    flush();
  };

  const backoff = () => {
    let failures = 0;
    return {
      reset: () => { failures = 0; },
      // Full jitter: a restaurant's tablets come back at different moments.
      next: () => FIRST_WAIT_MS / 2 + Math.random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures++),
    };
  };

  const news = document.getElementById("news");
  const settle = async (results) => {
    for (const {id, result} of results) {
      const one = taps.find((candidate) => candidate.id === id);
      if (!one) continue;
      const order = orders.find((candidate) => candidate.id === one.order);
      if (result === "done" && order?.status === one.seen) order.status = one.to;
      if (result === "conflict" && order) {
        news.textContent = say(texts.conflict, order.number);
        news.hidden = false;
      }
      await within("taps", "readwrite", (store) => store.delete(one.tappedAt));
      taps = taps.filter((candidate) => candidate !== one);
    }
    await keep("orders", orders);
    draw();
  };

  const sending = backoff();
  let flushing = false, again = null;
  const flush = async () => {
    clearTimeout(again);
    if (flushing || !taps.length) return;
    flushing = true;
    let failed = false;
    try {
      const actions = taps.slice(0, MOST_AT_ONCE).map(({id, order, seen, to}) => ({id, order, seen, to}));
      const answer = await fetch(place.dataset.actions, {
        method: "POST",
        headers: {"Content-Type": "application/json", "X-Kitchen-Device": "1"},
        body: JSON.stringify({actions}),
        signal: AbortSignal.timeout(10000),
      });
      if (answer.status === 401) return void forget();
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      sending.reset();
      await settle((await answer.json()).results);
    } catch {
      failed = true;
    } finally {
      flushing = false;
    }
    if (taps.length) again = setTimeout(flush, failed ? sending.next() : 0);
  };

  // --- The stream ---

  const take = async (text) => {
    orders = JSON.parse(text).orders;
    await keep("orders", orders);
    draw();
    speakNew();
  };

  // Taken away by a manager: nothing of the restaurant stays on the device.
  const forget = async () => {
    source?.close();
    const database = await opened;
    database.close();
    indexedDB.deleteDatabase(database.name);
    for (const name of await caches?.keys() ?? []) await caches.delete(name);
    const worker = await navigator.serviceWorker?.getRegistration();
    await worker?.unregister();
    location.reload();
  };

  const connecting = backoff();
  let source = null, reconnect = null, watchdog = null;
  const heard = (patienceMs) => {
    clearTimeout(watchdog);
    watchdog = setTimeout(lost, patienceMs);
    online(true);
  };
  const lost = async () => {
    clearTimeout(watchdog);
    clearTimeout(reconnect);
    source?.close();
    source = null;
    online(false);
    reconnect = setTimeout(connect, connecting.next());
    // The stream does not tell why it ended; a device that was taken away must forget at once.
    if (navigator.onLine) {
      const answer = await fetch(place.dataset.stream.replace(/stream$/, "alive"), {signal: AbortSignal.timeout(5000)}).catch(() => null);
      if (answer?.status === 401) forget();
    }
  };
  const connect = () => {
    clearTimeout(reconnect);
    source?.close();
    source = new EventSource(place.dataset.stream);
    let patienceMs = FIRST_PATIENCE_MS, comeBackMs = 0;
    source.onopen = () => { connecting.reset(); heard(patienceMs); flush(); };
    source.onmessage = (event) => { heard(patienceMs); take(event.data); };
    source.addEventListener("alive", (event) => {
      patienceMs = PATIENCE * Number(event.data) || FIRST_PATIENCE_MS;
      // A server without room for one more stream answers once and asks to come back after so long.
      comeBackMs = Number(event.data) >= POLLING_MS ? Number(event.data) : 0;
      heard(patienceMs);
    });
    source.addEventListener("gone", lost);
    source.onerror = () => {
      if (!comeBackMs) return void lost();
      source.close();
      reconnect = setTimeout(connect, comeBackMs * (0.75 + Math.random() / 2));
    };
  };
  addEventListener("online", () => { connecting.reset(); sending.reset(); connect(); flush(); });
  addEventListener("offline", lost);

  // Once a minute: clocks turn amber and red without anything happening.
  setInterval(draw, 60000);

  const start = async () => {
    [orders, spoken] = [await kept("orders") ?? [], new Set(await kept("spoken") ?? [])];
    taps = await within("taps", "readonly", (store) => store.getAll());
    if (orders.length) draw();
    connect();
    navigator.serviceWorker?.register(place.dataset.worker).catch(() => {});
    navigator.storage?.persist?.();
  };
  start();
})();
