// The microphone as telephone audio: G.711 µ-law, 8 kHz, 20 ms a frame. Runs in the audio thread.
const RATE = 8000;
const FRAME = 160;
const BIAS = 0x84;
const LOUDEST = 32635;

/** One sample from -1 to 1 as a µ-law byte (ITU-T G.711). */
function toUlaw(sample) {
  let value = Math.max(-1, Math.min(1, sample)) * 32767;
  const sign = value < 0 ? 0x80 : 0;
  value = Math.min(Math.abs(value), LOUDEST) + BIAS;
  let exponent = 7;
  for (let mask = 0x4000; exponent > 0 && !(value & mask); mask >>= 1) exponent -= 1;
  return ~(sign | (exponent << 4) | ((value >> (exponent + 3)) & 0x0f)) & 0xff;
}

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.frame = new Uint8Array(FRAME);
    this.filled = 0;
    this.sum = 0; // of what falls into the next telephone sample: their mean is a crude low-pass, enough for speech
    this.count = 0;
    this.phase = 0;
  }

  process([input]) {
    const heard = input[0];
    if (!heard) return true;
    for (const sample of heard) {
      this.sum += sample;
      this.count += 1;
      this.phase += RATE;
      if (this.phase < sampleRate) continue;
      this.phase -= sampleRate;
      this.frame[this.filled++] = toUlaw(this.sum / this.count);
      this.sum = this.count = 0;
      if (this.filled === FRAME) {
        this.port.postMessage(this.frame.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
