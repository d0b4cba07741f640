// Keeps the device's page and what it is drawn with, so that it opens without a network. Orders are the page's own to
// keep: nothing that needs the device's token is answered from here.
const SHELL = "alloresto-device-1";
const PAGE = {{ url_for('device.page') | tojson }};
const STATIC = {{ url_for('static', filename='') | tojson }};
const FILES = [{% for name in ('device.js', 'device.css', 'icon.svg', 'icon-192.png') %}{{ url_for('static', filename=name) | tojson }}, {% endfor %}];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll([PAGE, ...FILES])).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((name) => name !== SHELL).map((name) => caches.delete(name))));
  event.waitUntil(old.then(() => self.clients.claim()));
});

// The newest when the network gives it in time, else what was kept.
const fresh = async (request, key) => {
  const cache = await caches.open(SHELL);
  try {
    const answer = await fetch(request, {signal: AbortSignal.timeout(4000)});
    if (answer.ok && answer.type === "basic") await cache.put(key, answer.clone());
    return answer;
  } catch (error) {
    const kept = await cache.match(key, {ignoreSearch: true}); // its search is the fingerprint of another release
    if (kept) return kept;
    throw error;
  }
};

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname === PAGE) event.respondWith(fresh(event.request, PAGE));
  else if (url.pathname.startsWith(STATIC)) event.respondWith(fresh(event.request, url.pathname));
});
