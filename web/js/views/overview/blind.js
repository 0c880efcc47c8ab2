// What may have changed something and that no rule recorded, and the rules that have stopped recording.

import * as api from '../../data/api.js';
import { h, value } from '../../ui/dom.js';
import { icon } from '../../ui/icons.js';
import { number, t } from '../../ui/lang.js';
import { moment } from '../../ui/time.js';
import { section } from './parts.js';

export async function blind() {
  const { data, unlearned, silent = [] } = await api.blindSpots();
  const more = Object.values(unlearned ?? {}).reduce((sum, one) => sum + one, 0);
  const rows = data.slice(0, 12).map((spot) => h('tr', {},
    h('td', { class: 'mono' }, value(spot.method, 12), ' ', value(spot.path, 160)),
    h('td', { class: 'num' }, number(spot.unmatched + spot.unrecorded)),
    h('td', {}, value(Object.keys(spot.statuses ?? {}).join(' '), 40)),
    h('td', { class: 'num' }, moment(spot.lastSeen))));
  const table = h('table', { class: 'small' }, h('thead', {}, h('tr', {}, [t('blind.request'), t('blind.count'), t('blind.answers'), t('blind.last')].map((name) => h('th', { scope: 'col' }, name)))), h('tbody', {}, rows));
  const hint = data.length > 12 ? t('blind.more', { n: data.length - 12 }) : null;
  return section(t('overview.blind'), t('blind.hint'), silent.map(alarm),
    data.length ? h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': t('overview.blind') }, table) : h('p', { class: 'calm' }, icon('success'), t('blind.none')),
    hint && h('p', { class: 'hint' }, hint), more > 0 && h('p', { class: 'hint' }, t('blind.unlearned', { n: more })));
}

/** A rule that has stopped recording, and what may be its requests now. */
function alarm({ rule, lastFired, like }) {
  const likes = like.flatMap(({ method, path }) => [' ', h('span', { class: 'mono' }, value(method, 12), ' ', value(path, 160))]);
  return h('p', {}, icon('unknown'), ' ', t('blind.silent', { rule, since: moment(lastFired) }), likes.length ? [' ', t('blind.like'), likes] : null);
}
