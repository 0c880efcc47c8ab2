// The events of one search as the page holds them: pages behind, and what arrives in front.
//
// What is new comes by the tail. Where that does not run, the newest page is asked again and again, and read from its
// top down to the first event that is known; so it is once after a tail has begun, since the page is older than it. What is known
// is known by its id: who sees a part of the log is told no places in it.

import * as api from './api.js';
import { ask } from './search.js';
import { Tail } from './tail.js';

const FIRST = 60;
const MORE = 200;
const NEWEST = 50;
/** Pages of a look for new events; more of them is a log to load anew. */
const LOOKS_MAX = 4;
/** So many wait to be shown, and no more are asked for. */
const NEWER_MAX = 1_000;
/** More than anybody scrolls through: beyond, a narrower search or an export. */
export const HELD_MAX = 20_000;
/** Pages that may come back empty because the time for a query was over, before the reader is asked. */
const EMPTY_MAX = 20;

export class Feed {
  /** `changed(what, found)` is called with `loading`, `more`, `newer`, `failed` or `online`; `found` are the newer ones. */
  constructor(search, changed) {
    this.parameters = ask(search, Date.now());
    this.changed = changed;
    this.events = [];
    this.newer = [];
    this.arriving = [];
    this.known = new Set();
    this.next = null;
    this.isWhole = false;
    this.isLoading = false;
    this.failure = null;
    /** True when what is held cannot be gone on with: only a new feed shows what is newer. */
    this.isBroken = false;
    this.seen_at = null;
    this.stop = new AbortController();
    this.isOpen = !search.to;
    // A thing may become another one: no tail knows of which.
    this.tail = search.to || search.about ? null : new Tail(this.parameters, { began: () => this.look(), came: (events) => this.came(events) });
  }

  /** Hears of what is new, as long as it is called now and then; `isLive` false lets go of the tail. */
  keep(isLive) {
    if (!isLive || this.isBroken) this.tail?.close();
    else if (this.isOpen && this.seen_at && !this.failure && !this.tail?.keep()) this.look();
  }

  /** True while the tail brings what is new. */
  get isFollowing() {
    return Boolean(this.tail?.isOpen);
  }

  /** Takes what the tail brought, oldest first; while a look is under way it waits, so that none is taken twice or lost. */
  came(events) {
    this.arriving.push(...events);
    if (this.isLooking) return;
    const fresh = this.arriving.filter((event) => !this.known.has(event.id)).reverse();
    this.arriving = [];
    this.seen_at = Date.now();
    this.put(fresh);
  }

  /** Puts what is newer in front of what waits. */
  put(found) {
    this.know(found);
    this.newer.unshift(...found);
    if (this.events.length + this.newer.length > HELD_MAX || this.newer.length > NEWER_MAX) this.isBroken = true;
    if (found.length) this.changed('newer', found);
  }

  know(events) {
    for (const event of events) this.known.add(event.id);
  }

  get isFull() {
    return this.events.length >= HELD_MAX;
  }

  /** Loads further back; one load at a time, and the second caller waits for the first. */
  more(limit = this.events.length ? MORE : FIRST) {
    if (this.isWhole || this.isFull) return Promise.resolve();
    this.loading ??= this.load(limit).finally(() => (this.loading = null));
    return this.loading;
  }

  async load(limit) {
    this.isLoading = true;
    this.changed('loading');
    try {
      await this.turn(limit);
      this.failure = null;
    } catch (error) {
      if (error.name === 'AbortError') return;
      this.failure = error;
    } finally {
      this.isLoading = false;
    }
    this.changed(this.failure ? 'failed' : 'more');
  }

  async turn(limit) {
    for (let tries = 0; tries < EMPTY_MAX; tries += 1) {
      const page = await api.events(this.parameters, { limit, cursor: this.next, signal: this.stop.signal });
      this.next = page.next;
      this.isWhole = !page.next;
      this.know(page.events);
      this.events.push(...page.events);
      this.seen_at = Date.now();
      if (page.events.length || this.isWhole) return;
    }
  }

  /** Looks for what is newer than the newest that is held. */
  async look() {
    if (this.isLoading || this.failure || this.isBroken || this.isLooking) return;
    this.isLooking = true;
    try {
      const found = await this.newest();
      const wasOffline = this.lost;
      this.lost = null;
      this.seen_at = Date.now();
      this.put(found);
      if (!found.length && wasOffline) this.changed('online');
    } catch (error) {
      if (error.name === 'AbortError') return;
      this.lost = error;
      this.changed('failed');
    } finally {
      this.isLooking = false;
      if (this.arriving.length) this.came([]);
    }
  }

  async newest() {
    const found = [];
    let cursor = null;
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
      const page = await api.events(this.parameters, { limit: NEWEST, cursor, signal: this.stop.signal });
      const at = page.events.findIndex((event) => this.known.has(event.id));
      found.push(...(at < 0 ? page.events : page.events.slice(0, at)));
      cursor = page.next;
      if (at >= 0 || !cursor) return found;
    }
    // So much came at once that there is a hole below: it must not be hidden.
    this.isBroken = true;
    return found;
  }

  /** Takes what is newer into the list; the list's new head is the answer. */
  take() {
    const taken = this.newer;
    this.newer = [];
    this.events.unshift(...taken);
    return taken;
  }

  close() {
    this.stop.abort();
    this.tail?.close();
  }
}
