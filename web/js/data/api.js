// The one module that talks to Earwitness. What the API has no endpoint for (counts, a histogram, a tail) is made
// from pages elsewhere, so that an endpoint can take its place here.
//
// The token is kept in this tab's session storage: it survives a reload, not the tab, and no other tab sees it.

const TOKEN = 'earwitness.token';
const PAGE_MAX = 500;

/** Why there is no answer. `kind`: offline, signIn, forbidden, busy, wrong, missing, failed. */
export class Refused extends Error {
  constructor(kind, problem = null, retry_after_s = null) {
    super(problem?.detail ?? kind);
    Object.assign(this, { kind, problem, retry_after_s });
  }
}

export const signedIn = () => Boolean(token());

export function signIn(text) {
  try {
    sessionStorage.setItem(TOKEN, text);
  } catch {
    // Without storage it holds until the page is left.
  }
  held = text;
}

export function signOut() {
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
    const text = await (await get(`audit/v1/events?${asked}`, signal)).text();
    const page = JSON.parse(text);
    return { events: page.data, next: page.pagination.nextCursor, isCut: Boolean(page.isCut), text };
  } catch (error) {
    // An operator may have set a smaller `limits.page_max`; the refusal names it.
    const smaller = error.problem?.parameter === 'limit' && largest(error.problem.accepts);
    if (!smaller || smaller >= page_max) throw error;
    page_max = smaller;
    return events(parameters, { limit, cursor, signal });
  }
}

/** One event, byte for byte. */
export const eventText = async (id) => (await get(`audit/v1/events/${encodeURIComponent(id)}`)).text();

export const blindSpots = async () => (await get('audit/v1/blind-spots')).json();

/** Whether it works; a log that does not is an answer, too. */
export const readiness = async () => (await get('readyz', undefined, [503])).json();

/** Its metrics: what each name's samples add up to. */
export async function metrics() {
  const sums = new Map();
  for (const line of (await (await get('metrics')).text()).split('\n')) {
    const found = line.match(/^(\w+)(?:\{[^}]*\})? (\S+)$/);
    if (found) sums.set(found[1], (sums.get(found[1]) ?? 0) + Number(found[2]));
  }
  return sums;
}

let held = null;
let page_max = PAGE_MAX;

function token() {
  try {
    return held ?? sessionStorage.getItem(TOKEN);
  } catch {
    return held;
  }
}

async function get(path, signal, also = []) {
  const headers = token() ? { Authorization: `Bearer ${token()}` } : {};
  let answer;
  try {
    answer = await fetch(path, { headers, signal, cache: 'no-store', redirect: 'error', credentials: 'omit' });
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
