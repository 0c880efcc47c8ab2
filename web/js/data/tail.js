// The events of a search as they are recorded: server-sent events, read from a stream, since that lets a token and a
// place be sent as headers. A tail that breaks off is taken up where it was; one that is silent for too long is dead.

import * as api from './api.js';

/** The server gives a sign of life every 15 seconds. */
const SILENT_MS = 40_000;
const AGAIN_MS = 2_000;
const AGAIN_MAX_MS = 60_000;
/** A message is at most a few hundred kilobytes; more without an end is none. */
const HELD_MAX = 8_000_000;

export class Tail {
  /** `began()` is called when a tail runs that did not go on with another, `came(events)` for what is new, oldest first. */
  constructor(parameters, { began, came }) {
    Object.assign(this, { parameters, began, came, last: null, isOpen: false, again_at: 0, again_ms: AGAIN_MS });
    this.stop = null;
  }

  /** Begins where it does not run; true while it runs or is about to. */
  keep() {
    if (!this.stop && !this.isAbsent && Date.now() >= this.again_at) this.run();
    return this.isOpen || Boolean(this.stop && !this.wasLost);
  }

  close() {
    this.stop?.abort();
  }

  async run() {
    const stop = new AbortController();
    this.stop = stop;
    try {
      const body = await api.tail(this.parameters, this.last, stop.signal);
      this.isOpen = true;
      this.wasLost = false;
      this.again_ms = AGAIN_MS;
      if (!this.last) this.began();
      await this.read(body, stop);
      this.again_at = 0;
    } catch (error) {
      this.failed(error);
    }
    this.isOpen = false;
    this.stop = null;
  }

  async read(body, stop) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const silent = setTimeout(() => stop.abort(), SILENT_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(silent));
      if (done || text.length > HELD_MAX) return;
      const messages = (text + value).split('\n\n');
      text = messages.pop();
      const events = messages.map((message) => this.take(message)).filter(Boolean);
      if (events.length) this.came(events);
    }
  }

  /** The event of a message; null for a sign of life. */
  take(message) {
    let event = null;
    for (const line of message.split('\n')) {
      if (line.startsWith('id: ')) this.last = line.slice(4);
      else if (line.startsWith('data: ')) event = JSON.parse(line.slice(6));
    }
    return event;
  }

  failed(error) {
    // This listener has no tails, or the search cannot be followed: the page asks by itself.
    if (error.kind === 'missing') this.isAbsent = true;
    if (error.kind === 'wrong') this.last = null;
    this.wasLost = error.name !== 'AbortError';
    this.again_at = this.wasLost ? Date.now() + this.again_ms : 0;
    this.again_ms = Math.min(this.again_ms * 2, AGAIN_MAX_MS);
  }
}
