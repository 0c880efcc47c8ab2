// Counting what is loaded. The API has no endpoint for counts yet, so every figure made here says of how many events
// it speaks. Counts are kept in maps: a value named `__proto__` is a value.

import * as api from './api.js';
import { ask, write } from './search.js';
import { instant } from '../ui/time.js';
import { cell } from './events.js';

/** Of so many of the newest events the page counts. */
export const SAMPLE = 500;
const KEPT_MS = 15_000;
const KEPT_MAX = 20;

const COLUMN = { actor: 'who', claimedActor: 'who' };
const samples = new Map();

/** The newest events of a search: `{ events, isWhole }`. Asked once in a while, whoever wants it. */
export function sample(search) {
  const key = write(search).toString();
  const known = samples.get(key);
  if (known && Date.now() - known.at < KEPT_MS) return known.answer;
  const answer = fetched(search);
  samples.delete(key);
  samples.set(key, { at: Date.now(), answer });
  if (samples.size > KEPT_MAX) samples.delete(samples.keys().next().value);
  answer.catch(() => samples.delete(key));
  return answer;
}

export const forget = () => samples.clear();

async function fetched(search) {
  const parameters = ask(search, Date.now());
  const events = [];
  let cursor = null;
  do {
    const page = await api.events(parameters, { limit: SAMPLE - events.length, cursor });
    events.push(...page.events);
    cursor = page.next;
    if (page.isCut && !page.events.length) break;
  } while (cursor && events.length < SAMPLE);
  return { events, isWhole: !cursor };
}

/** The values of a field with their counts, most frequent first. */
export function values(events, field) {
  const counts = new Map();
  for (const event of events) {
    if ((event.actor?.assurance === 'claimed') !== (field === 'claimedActor') && (field === 'actor' || field === 'claimedActor')) continue;
    const found = cell(event, COLUMN[field] ?? field);
    if (found) counts.set(found, (counts.get(found) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

const STEPS_MS = [1_000, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000, 10_800_000, 21_600_000, 86_400_000, 604_800_000, 2_592_000_000];
const BARS_MAX = 120;

/** Events over time: `{ from, step_ms, bars: [{ all, failure, denied, unknown }] }`; null without events. */
export function histogram(events, now) {
  if (!events.length) return null;
  const times = events.map((event) => instant(event.time)).filter((ms) => !Number.isNaN(ms));
  const first = Math.min(...times);
  const last = Math.max(now, ...times);
  const step_ms = STEPS_MS.find((step) => (last - first) / step < BARS_MAX) ?? Math.ceil((last - first) / BARS_MAX);
  const from = Math.floor(first / step_ms) * step_ms;
  const bars = Array.from({ length: Math.floor((last - from) / step_ms) + 1 }, () => ({ all: 0, failure: 0, denied: 0, unknown: 0 }));
  for (const event of events) {
    const bar = bars[Math.floor((instant(event.time) - from) / step_ms)];
    if (!bar) continue;
    bar.all += 1;
    if (event.result in bar) bar[event.result] += 1;
  }
  return { from, step_ms, bars };
}

/** How many events ended how. */
export function outcomes(events) {
  const found = { success: 0, failure: 0, denied: 0, unknown: 0 };
  for (const event of events) if (Object.hasOwn(found, event.result)) found[event.result] += 1;
  return found;
}
