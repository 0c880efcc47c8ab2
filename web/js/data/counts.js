// Counting: by the routes that count the whole log, or, where this listener has none, of the newest events of a search.
// Every figure says of how many events it speaks. Counts are kept in maps: a value named `__proto__` is a value.

import * as api from './api.js';
import { ask, withFilter, write } from './search.js';
import { instant, zoneForApi } from '../ui/time.js';
import { cell, nameOf } from './events.js';

/** Of so many of the newest events the page counts where it must do so itself. */
export const SAMPLE = 500;
/** The fields that the route counts; others are counted here. */
const COUNTED = new Set(['actor', 'action', 'type', 'category', 'source', 'result', 'targetType', 'team', 'organization', 'tag', 'rule']);
const KEPT_MS = 15_000;
const KEPT_MAX = 40;

const COLUMN = { actor: 'who', claimedActor: 'who' };
const answers = new Map();
const names = new Map();
/** Identifiers of actors as the application gives them, by the same without case. */
const ids = new Map();

/** The newest events of a search: `{ events, of }`. Asked once in a while, whoever wants it. */
export const sample = (search) => remembered(`sample ${write(search)}`, () => fetched(search));

/** The values of these fields: `{ rows: Map of field to [[value, count]], of }`. A field's own filter does not narrow its values. */
export function facets(search, fields) {
  return remembered(`facets ${fields} ${write(search)}`, async () => {
    const found = !search.about && fields.every((field) => COUNTED.has(field)) ? await api.facets(ask(search, Date.now()), fields) : null;
    if (found) return { rows: new Map(fields.map((field) => [field, rowsOf(field, found.data[field] ?? [])])), of: of(found.total?.count ?? 0, !found.total?.atLeast && !found.isCut) };
    const samples = await Promise.all(fields.map((field) => sample(withFilter(search, field, []))));
    return { rows: new Map(fields.map((field, index) => [field, values(samples[index].events, field)])), of: samples[0].of };
  });
}

/** Events over time: `{ from, step_ms, bars: [{ all, failure, denied, unknown }], outcomes, of }`; `bars` is empty without events. */
export const times = (search) => remembered(`times ${zoneForApi()} ${write(search)}`, async () => (search.about ? null : await counted(search)) ?? sampled(await sample(search)));

export const forget = () => answers.clear();

/** What is called by a value of a field, where somebody has told: the name of an actor whose identifier is asked for. */
export const nameFor = (field, one) => (field === 'actor' && names.get(one.toLowerCase())) || one;

/** Learns what actors are called. */
export function learn(events) {
  for (const { actor, onBehalfOf } of events) for (const one of [actor, onBehalfOf]) if (one?.id && names.size < 5_000) names.set(String(one.id).toLowerCase(), String(nameOf(one)));
  for (const { actor } of events) if (actor?.id && actor.assurance !== 'claimed' && ids.size < 5_000) ids.set(String(actor.id).toLowerCase(), String(actor.id));
}

/** The identifier that is meant, where an event has shown that it is one; else null. */
export const actorId = (text) => ids.get(text.toLowerCase()) ?? null;

const of = (n, isWhole, isSample = false) => ({ n, isWhole, isSample });

function remembered(key, make) {
  const known = answers.get(key);
  if (known && Date.now() - known.at < KEPT_MS) return known.answer;
  const answer = make();
  answers.delete(key);
  answers.set(key, { at: Date.now(), answer });
  if (answers.size > KEPT_MAX) answers.delete(answers.keys().next().value);
  answer.catch(() => answers.delete(key));
  return answer;
}

function rowsOf(field, list) {
  for (const { value, name } of list) if (field === 'actor' && name && names.size < 5_000) names.set(String(value).toLowerCase(), name);
  return list.map(({ value, count }) => [String(value), count]);
}

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
  return { events, of: of(events.length, !cursor, true) };
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

const HOUR_MS = 3_600_000;
/** The finest interval whose buckets the route gives for such a span. */
const INTERVALS = [['minute', 16 * HOUR_MS], ['hour', 40 * 24 * HOUR_MS], ['day', 950 * 24 * HOUR_MS], ['week', 6_500 * 24 * HOUR_MS], ['month', Infinity]];
const STEPS_MS = [1_000, 5_000, 15_000, 60_000, 300_000, 900_000, HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS, 168 * HOUR_MS, 720 * HOUR_MS];
const BARS_MAX = 180;
const BARS_MIN = 30;

/** Counted by the route; null where there is none. A search through all time is asked by the month first, to learn when it begins. */
async function counted(search) {
  const parameters = ask(search, Date.now());
  let from = parameters.get('from');
  if (!from) {
    const coarse = await api.histogram(parameters, 'month', zoneForApi());
    if (!coarse) return null;
    if (!coarse.data.length) return bars([], null, of(0, !coarse.isCut));
    from = coarse.data[0].from;
  }
  const end = parameters.get('to') ? instant(parameters.get('to')) : Date.now();
  const fits = (interval) => INTERVALS.find(([name]) => name === interval)[1];
  const ask_for = async (start) => {
    const [interval] = INTERVALS.find(([, span]) => end - start <= span);
    return [await api.histogram(parameters, interval, zoneForApi()), interval];
  };
  let [found, interval] = await ask_for(instant(from));
  if (!found) return null;
  // A month may begin long before its first event: then a finer one fits after all.
  const first = found.data.length ? instant(found.data[0].from) : null;
  if (first && !parameters.get('from') && interval !== 'minute' && end - first < fits(INTERVALS[INTERVALS.findIndex(([name]) => name === interval) - 1][0])) [found, interval] = await ask_for(first);
  const weighed = found.data.map((bucket) => ({ at: instant(bucket.from), all: bucket.count, ...bucket.results }));
  const n = weighed.reduce((sum, one) => sum + one.all, 0);
  return bars(weighed, found.data.length ? instant(found.data[0].from) : null, of(n, !found.isCut), interval);
}

function sampled({ events, of: told }) {
  const weighed = events.map((event) => ({ at: instant(event.time), all: 1, [event.result]: 1 })).filter(({ at }) => !Number.isNaN(at));
  return bars(weighed, null, told);
}

/** Bars of equal width over what was counted, up to now; `start` is where the first of them is to begin. */
function bars(weighed, start, told, interval = null) {
  const outcomes = { success: 0, failure: 0, denied: 0, unknown: 0 };
  if (!weighed.length) return { from: Date.now(), step_ms: HOUR_MS, bars: [], outcomes, of: told };
  const first = weighed.reduce((low, { at }) => Math.min(low, at), Infinity);
  const last = weighed.reduce((high, { at }) => Math.max(high, at), Date.now());
  const least = { minute: 60_000, hour: HOUR_MS, day: 24 * HOUR_MS, week: 168 * HOUR_MS, month: 720 * HOUR_MS }[interval] ?? 0;
  const step_ms = STEPS_MS.find((step) => step >= least && (last - first) / step < BARS_MAX) ?? Math.ceil((last - first) / BARS_MAX);
  const began = start ?? Math.floor(first / step_ms) * step_ms;
  // A log that has just begun would be one broad bar: there is room before it, in which nothing was.
  const from = began - Math.max(0, BARS_MIN - Math.floor((last - began) / step_ms) - 1) * step_ms;
  const list = Array.from({ length: Math.floor((last - from) / step_ms) + 1 }, () => ({ all: 0, failure: 0, denied: 0, unknown: 0 }));
  for (const one of weighed) {
    const bar = list[Math.min(list.length - 1, Math.floor((one.at - from) / step_ms))];
    for (const name of Object.keys(outcomes)) outcomes[name] += one[name] ?? 0;
    for (const name of Object.keys(bar)) bar[name] += one[name] ?? 0;
  }
  return { from, step_ms, bars: list, outcomes, of: told };
}
