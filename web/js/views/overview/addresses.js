// Addresses that were never seen before the last day: the busiest of the newest events are looked up in what is older.

import * as api from '../../data/api.js';
import { values } from '../../data/counts.js';
import { h, value } from '../../ui/dom.js';
import { t } from '../../ui/lang.js';
import { instant } from '../../ui/time.js';
import { href } from '../../state.js';
import { ranking } from './parts.js';

const DAY_MS = 86_400_000;
/** Each is a question to the log. */
const LOOKED_UP_MAX = 12;

export async function addresses(search, { events }) {
  const since = Date.now() - DAY_MS;
  const recent = values(events.filter((event) => instant(event.time) >= since), 'ip');
  const asked = recent.slice(-LOOKED_UP_MAX).concat(recent.slice(0, Math.max(0, Math.min(LOOKED_UP_MAX, recent.length - LOOKED_UP_MAX)))).slice(0, LOOKED_UP_MAX);
  const fresh = [];
  for (const [ip, n] of asked) if (await isNew(ip, since)) fresh.push([ip, n]);
  const address = (ip) => href({ view: 'timeline', entry: null, search: { ...search, filters: new Map([['ip', [ip]]]) } });
  return ranking(t('overview.addresses'), fresh, { address, shown: (ip) => h('span', { class: 'mono' }, value(ip, 60)), none: t('overview.noAddresses'), sum: t('overview.addressesOf', { n: asked.length }) });
}

async function isNew(ip, since) {
  const before = await api.events(new URLSearchParams({ ip, to: new Date(since).toISOString() }), { limit: 1 });
  return !before.events.length && !before.isCut;
}
