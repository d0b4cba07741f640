// A call from this page: the microphone goes to a bridge as Twilio's Media Streams do, and what it says is played.
const RATE = 8000;
const AHEAD_S = 0.06; // what is kept between the network and the ear
const RINGS = 15;
const RING_PAUSE_MS = 1000; // a bridge that does not know the line yet reads it within a few seconds

/** µ-law bytes as samples from -1 to 1. */
const TABLE = Float32Array.from({ length: 256 }, (_, byte) => {
  const bits = ~byte & 0xff;
  const value = (((bits & 0x0f) << 3) + 0x84) << ((bits >> 4) & 7);
  return ((bits & 0x80 ? -1 : 1) * (value - 0x84)) / 32768;
});

class PracticeCall {
  constructor(place, say) {
    this.place = place;
    this.say = say;
    this.playing = new Set();
    this.next = 0;
    this.chunk = 0;
    this.over = false;
  }

  async start() {
    try {
      const wanted = { audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } };
      this.microphone = await navigator.mediaDevices.getUserMedia(wanted);
    } catch {
      return this.end(this.place.denied);
    }
    this.audio = new AudioContext();
    await this.audio.audioWorklet.addModule(this.place.worklet);
    const ringing = await this.ring();
    if (this.over) return;
    if (!ringing) return this.end(this.place.refused);
    this.stream(ringing);
  }

  async ring() {
    for (let turn = 0; turn < RINGS && !this.over; turn += 1) {
      const answer = await fetch(this.place.url, { method: "POST", headers: { "X-CSRFToken": this.place.token } }).catch(() => null);
      if (answer && answer.ok) return answer.json();
      const { soon } = answer && answer.status === 503 ? await answer.json() : {};
      if (!soon) return null;
      await new Promise((resolve) => setTimeout(resolve, RING_PAUSE_MS));
    }
    return null;
  }

  stream({ url, sid }) {
    this.sid = `MZ${sid.slice(2)}`;
    this.socket = new WebSocket(url);
    this.socket.onopen = () => {
      this.send({ event: "connected", protocol: "Call", version: "1.0.0" });
      const mediaFormat = { encoding: "audio/x-mulaw", sampleRate: RATE, channels: 1 };
      this.send({ event: "start", start: { streamSid: this.sid, callSid: sid, tracks: ["inbound"], mediaFormat } });
      this.listen();
      this.say(this.place.talking);
    };
    this.socket.onmessage = ({ data }) => this.heard(JSON.parse(data));
    this.socket.onclose = () => this.end(this.place.over);
  }

  listen() {
    const worklet = new AudioWorkletNode(this.audio, "microphone", { numberOfOutputs: 0 });
    worklet.port.onmessage = ({ data }) => {
      const payload = btoa(String.fromCharCode(...data));
      this.chunk += 1;
      this.send({ event: "media", media: { track: "inbound", chunk: this.chunk, timestamp: this.chunk * 20, payload } });
    };
    this.audio.createMediaStreamSource(this.microphone).connect(worklet);
  }

  heard(message) {
    if (message.event === "media") this.play(atob(message.media.payload));
    if (message.event === "clear") this.silence();
    if (message.event === "mark") {
      const waits = Math.max(0, this.next - this.audio.currentTime) * 1000;
      setTimeout(() => this.send({ event: "mark", mark: message.mark }), waits);
    }
  }

  play(bytes) {
    const buffer = this.audio.createBuffer(1, bytes.length, RATE);
    const samples = buffer.getChannelData(0);
    for (let at = 0; at < bytes.length; at += 1) samples[at] = TABLE[bytes.charCodeAt(at)];
    const source = new AudioBufferSourceNode(this.audio, { buffer });
    source.connect(this.audio.destination);
    this.next = Math.max(this.next, this.audio.currentTime + AHEAD_S);
    source.start(this.next);
    this.next += buffer.duration;
    this.playing.add(source);
    source.onended = () => this.playing.delete(source);
  }

  silence() {
    for (const source of this.playing) source.stop();
    this.playing.clear();
    this.next = 0;
  }

  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ streamSid: this.sid, ...message }));
  }

  hangUp() {
    if (this.socket) {
      this.send({ event: "stop", stop: { callSid: `CA${this.sid.slice(2)}` } });
      this.socket.close();
    }
    this.end(this.place.over);
  }

  end(words) {
    if (this.over) return;
    this.over = true;
    if (this.microphone) for (const track of this.microphone.getTracks()) track.stop();
    if (this.audio) this.audio.close();
    this.say(words, true);
  }
}

const practice = document.getElementById("practice");
if (practice) {
  const [ring, hangUp] = [practice.querySelector("[data-ring]"), practice.querySelector("[data-hang-up]")];
  let call = null;
  const say = (words, isOver = false) => {
    practice.querySelector("[data-status]").textContent = words;
    ring.hidden = !isOver;
    hangUp.hidden = isOver;
  };
  ring.addEventListener("click", () => {
    say(practice.dataset.connecting);
    call = new PracticeCall(practice.dataset, say);
    call.start();
  });
  hangUp.addEventListener("click", () => call.hangUp());
  addEventListener("pagehide", () => call && !call.over && call.hangUp());
}
