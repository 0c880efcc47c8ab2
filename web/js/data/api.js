// The one module that talks to Earwitness. A route that this listener does not have is asked for once; what it would
// have told is then made from pages of events, and says so.
//
// Whoever signs in gets a cookie that no script can read. Where there are no sessions, the token is kept in this tab's
// session storage: it survives a reload, not the tab, and no other tab sees it.

const TOKEN = 'earwitness.token';
const PAGE_MAX = 500;

/** Why there is no answer. `kind`: offline, signIn, forbidden, busy, wrong, missing, failed. */
export class Refused extends Error {
  constructor(kind, problem = null, retry_after_s = null) {
    super(problem?.detail ?? kind);
    Object.assign(this, { kind, problem, retry_after_s });
  }
}

export const hasToken = () => Boolean(token());

/** What was not there, or not for him, may be there for another reader. */
function unlearn() {
  absent.clear();
  routes = null;
}

/** Shows this token from now on. */
export function takeToken(text) {
  unlearn();
  try {
    sessionStorage.setItem(TOKEN, text);
  } catch {
    // Without storage it holds until the page is left.
  }
  held = text;
}

/** Shows this token from now on, and keeps it nowhere. */
export function holdToken(text) {
  held = text;
}

export function dropToken() {
  unlearn();
  held = null;
  try {
    sessionStorage.removeItem(TOKEN);
  } catch {
    // It was never there.
  }
}

/** A page of events, newest first; `text` is the page as it came. */
export async function events(parameters, { limit = 100, cursor = null, signal } = {}) {
  const asked = new URLSearchParams(parameters);
  asked.set('limit', Math.min(limit, page_max));
  if (cursor) asked.set('cursor', cursor);
  try {
    const text = await (await get(pathOf(asked), { signal })).text();
    const page = JSON.parse(text);
    return { events: page.data, next: page.pagination.nextCursor, isCut: Boolean(page.pagination.isCut), text };
  } catch (error) {
    // A listener without histories knows at least which events name the thing.
    if (error.kind === 'missing' && asked.get('order')) {
      absent.add('history');
      return events(parameters, { limit, cursor, signal });
    }
    // An operator may have set a smaller `limits.page_max`; the refusal names it.
    const smaller = error.problem?.parameter === 'limit' && largest(error.problem.accepts);
    if (!smaller || smaller >= page_max) throw error;
    page_max = smaller;
    return events(parameters, { limit, cursor, signal });
  }
}

/** True where this listener lists such a route. */
export async function hasRoute(path) {
  routes ??= get('audit/v1').then((answer) => answer.text(), () => '');
  return new RegExp(`${path}(?![\\w/-])`).test(await routes);
}

/** The file that the server makes of a search; `told(bytes)` hears how much of it has come. */
export async function exported(parameters, { signal, told }) {
  const answer = await get(`audit/v1/export?${parameters}`, { signal });
  let count = 0;
  const counted = new TransformStream({
    transform(piece, into) {
      count += piece.byteLength;
      told(count);
      into.enqueue(piece);
    },
  });
  return new Response(answer.body.pipeThrough(counted), { headers: answer.headers }).blob();
}

/** The searches that somebody has saved; null where this listener keeps none. */
export const searches = () => optional('audit/v1/searches', []);

/** Saves a search by `PUT`, forgets one by `DELETE`. */
export const saveSearch = (method, name, query = '') => get(`audit/v1/searches/${encodeURIComponent(name)}?${query}`, { method, headers: OWN });

/** The links that there are, and the sites that one may name: `{ data, sites }`. */
export const links = async () => (await get('audit/v1/links')).json();

/** Makes one; its text is told this once. */
export const makeLink = async (parameters) => (await get(`audit/v1/links?${parameters}`, { method: 'POST', headers: OWN })).json();

/** Revokes one. */
export const revokeLink = (id) => get(`audit/v1/links/${encodeURIComponent(id)}`, { method: 'DELETE', headers: OWN });

/** Who somebody is; by `POST` signs in with the token, by `DELETE` signs out. */
export async function session(method) {
  const answer = await get('audit/v1/session', { method, headers: method === 'GET' ? {} : OWN });
  return answer.status === 204 ? null : answer.json();
}

/** Where these events are: the history of a thing has an address of its own, and follows what the thing became. */
function pathOf(asked) {
  const [type, ...id] = (asked.get('about') ?? '').split(':');
  asked.delete('about');
  if (id.length && absent.has('history')) asked.append('targetId', id.join(':'));
  if (!id.length || absent.has('history')) return `audit/v1/events?${asked}`;
  asked.set('order', 'newest');
  return `audit/v1/targets/${encodeURIComponent(type)}/${encodeURIComponent(id.join(':'))}/history?${asked}`;
}

/** How many events there are of each value: `{ data: { field: [{ value, name, count }] }, total, isCut }`; null where there is no such route. */
export const facets = (parameters, fields, limit = 100) => optional('audit/v1/facets', [...parameters, ...fields.map((field) => ['facet', field]), ['limit', limit]]);

/** How many events there were when: `{ data: [{ from, count, results }], interval, isCut }`; null where there is no such route. */
export const histogram = (parameters, interval, zone) => optional('audit/v1/histogram', [...parameters, ['interval', interval], ['zone', zone]]);

/** What is kept how long, and what went; null where there is no such route, or not for this reader. */
export const retention = () => optional('audit/v1/retention', []);

/** What is erased of persons, and what waits for a second one; for operators. */
export const erasure = async () => (await get('audit/v1/erasure')).json();

/** The newest signed checkpoint, as text. */
export const checkpoint = async () => (await get('audit/v1/checkpoint')).text();

/** The keys that sign checkpoints. */
export const key = async () => (await get('audit/v1/key')).text();

/** Where an event stands in the tree. */
export const proof = async (id) => (await (await get(`audit/v1/events/${encodeURIComponent(id)}/proof`)).json()).data;

/** The body of a tail: the events of a search as they are recorded, from `last` on. */
export const tail = async (parameters, last, signal) => (await get(`audit/v1/tail?${new URLSearchParams(parameters)}`, { signal, headers: last ? { 'Last-Event-ID': last } : {} })).body;

/** One event, byte for byte. */
export const eventText = async (id) => (await get(`audit/v1/events/${encodeURIComponent(id)}`)).text();

/** The same as bytes. */
export const eventBytes = async (id) => new Uint8Array(await (await get(`audit/v1/events/${encodeURIComponent(id)}`)).arrayBuffer());

export const blindSpots = async () => (await get('audit/v1/blind-spots')).json();

/** Whether it works; a log that does not is an answer, too. */
export const readiness = async () => (await get('readyz', { also: [503] })).json();

/** Its metrics: what each name's samples add up to. */
export async function metrics() {
  const sums = new Map();
  for (const line of (await (await get('metrics')).text()).split('\n')) {
    const found = line.match(/^(\w+)(?:\{[^}]*\})? (\S+)$/);
    if (found) sums.set(found[1], (sums.get(found[1]) ?? 0) + Number(found[2]));
  }
  return sums;
}

/** Another site's page cannot set this header, and without it nothing is changed by a cookie. */
const OWN = { 'Earwitness-Request': '1' };
let held = null;
let routes = null;
let page_max = PAGE_MAX;

function token() {
  try {
    return held ?? sessionStorage.getItem(TOKEN);
  } catch {
    return held;
  }
}

const absent = new Set();

/** What a route answers; null where this listener has no such route, or not for this reader. */
async function optional(path, parameters) {
  if (absent.has(path)) return null;
  try {
    return await (await get(`${path}?${new URLSearchParams(parameters)}`)).json();
  } catch (error) {
    if (!['missing', 'forbidden'].includes(error.kind)) throw error;
    absent.add(path);
    return null;
  }
}

async function get(path, { signal, also = [], headers = {}, method = 'GET' } = {}) {
  const shown = token() ? { Authorization: `Bearer ${token()}` } : {};
  let answer;
  try {
    answer = await fetch(path, { method, headers: { ...shown, ...headers }, signal, cache: 'no-store', redirect: 'error', credentials: 'same-origin' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refused('offline');
  }
  if (answer.ok || also.includes(answer.status)) return answer;
  const problem = await answer.json().catch(() => null);
  throw new Refused(KINDS[answer.status] ?? 'failed', problem, Number(answer.headers.get('retry-after')) || null);
}

const KINDS = { 400: 'wrong', 401: 'signIn', 403: 'forbidden', 404: 'missing', 421: 'forbidden', 429: 'busy', 503: 'busy' };

const largest = (accepts) => Math.max(0, ...(String(accepts).match(/\d+/g) ?? []).map(Number));
