// The overview: when, how it ended, who was busy, what failed, what no rule saw, and whether the recorder is well.
// Every figure says of how many events it speaks.

import * as api from '../data/api.js';
import { histogram, outcomes, sample, values } from '../data/counts.js';
import { kindOf, KINDS, RESULTS } from '../data/events.js';
import { withFilter } from '../data/search.js';
import { h, value } from '../ui/dom.js';
import { icon } from '../ui/icons.js';
import { number, t } from '../ui/lang.js';
import { result, source } from '../ui/marks.js';
import { exact, moment } from '../ui/time.js';
import { href, state } from '../state.js';
import { chart } from './chart.js';
import { failed, loading } from './states.js';

const ROWS = 6;

export class Overview {
  constructor() {
    this.element = h('div', {}, loading());
    this.load();
  }

  async load() {
    try {
      const found = await sample(state.search);
      const log = sections(found);
      this.element.replaceChildren(...log, this.blind = h('div', {}), this.health = h('div', {}));
    } catch (error) {
      this.element.replaceChildren(failed(error, () => this.load()));
      return;
    }
    this.put('blind', blindSection);
    this.put('health', healthSection);
  }

  /** What has an endpoint of its own comes when it comes, and its failure is its own. */
  async put(place, made) {
    const element = this[place];
    try {
      element.replaceChildren(await made());
    } catch (error) {
      element.replaceChildren(section(t(`overview.${place}`), null, h('p', { class: 'hint' }, t('error.part', { why: error.problem?.detail ?? t(`error.${error.kind ?? 'failed'}.title`) }))));
    }
  }

  append() {}
  prepend() {}
  tally() {}
  mark() {}
  link() {}
  close() {}
}

function section(title, hint, ...body) {
  return h('section', { class: 'line section', 'aria-label': title }, h('div', {}, h('h2', {}, title), hint && h('p', {}, hint)), h('div', {}, body));
}

function sections({ events, isWhole }) {
  const of = isWhole ? t('count.all', { n: events.length }) : t('count.newest', { n: events.length });
  if (!events.length) return [section(t('overview.when'), null, h('p', { class: 'hint' }, t('empty.title')))];
  const ends = outcomes(events);
  const times = histogram(events, Date.now());
  const bad = events.filter((event) => event.result === 'failure' || event.result === 'denied');
  return [
    section(t('overview.when'), null, chart(times, ends, { height: 150, hasScale: true }), legend(of, ends)),
    section(t('overview.what'), of, h('div', { class: 'columns' },
      facet(t('field.result'), RESULTS.map((name) => [name, ends[name]]).filter(([, n]) => n), 'result', (name) => result(name)),
      facet(t('field.actor'), values(events, 'actor'), 'actor'),
      facet(t('field.action'), values(events, 'action'), 'action', (name) => h('span', { class: 'mono' }, value(name))),
      facet(t('field.source'), values(events, 'source'), 'source', (name) => source(name)))),
    section(t('overview.look'), of, h('div', { class: 'columns is-three' },
      facet(t('overview.failures'), values(bad, 'actor'), 'actor', undefined, ['failure', 'denied']),
      facet(t('overview.refused'), values(bad, 'action'), 'action', (name) => h('span', { class: 'mono' }, value(name)), ['failure', 'denied']),
      kinds(events))),
  ];
}

function legend(of, ends) {
  const one = (name, text) => h('span', {}, h('i', { class: `bar-${name}` }), text);
  return h('p', { class: 'legend num' }, one('all', of), one('failure', t('count.failure', { n: ends.failure })), one('denied', t('count.denied', { n: ends.denied })));
}

/** Values with counts, each a search. */
function facet(title, rows, field, shown = (name) => value(name, 60), results = null) {
  const most = Math.max(1, ...rows.map(([, count]) => count));
  const address = (name) => {
    const search = withFilter(state.search, field, [name]);
    return href({ view: 'timeline', entry: null, search: results ? withFilter(search, 'result', results) : search });
  };
  return h('div', { class: 'facet' }, h('h3', {}, title, h('span', { class: 'num' }, number(rows.length))),
    rows.length ? h('ul', {}, rows.slice(0, ROWS).map(([name, count]) => h('li', {}, h('a', { href: address(name), 'data-go': '' }, h('span', {}, shown(name)), h('span', { class: 'num' }, number(count)), meter(count / most, field === 'result' ? name : 'all'))))) : h('p', { class: 'hint' }, t('overview.nothing')));
}

function kinds(events) {
  const counts = KINDS.map((kind) => [kind, events.filter((event) => kindOf(event) === kind).length]).filter(([, n]) => n);
  const most = Math.max(1, ...counts.map(([, n]) => n));
  return h('div', { class: 'facet' }, h('h3', {}, t('overview.kinds'), h('span', { class: 'num' }, number(counts.length))),
    h('ul', {}, counts.map(([kind, n]) => h('li', {}, h('div', { class: 'facet-row' }, h('span', { class: 'kind-name' }, h('span', { class: `kind-${kind}` }, icon(kind)), t(`kind.${kind}`)), h('span', { class: 'num' }, number(n)), meter(n / most, 'all'))))));
}

function meter(share, name) {
  const bar = h('i', { class: `bar-${name}` });
  bar.style.width = `${Math.max(0.6, share * 100)}%`;
  return h('span', { class: 'meter', 'aria-hidden': 'true' }, bar);
}

async function blindSection() {
  const { data, unlearned } = await api.blindSpots();
  const more = Object.values(unlearned ?? {}).reduce((sum, one) => sum + one, 0);
  const rows = data.slice(0, 12).map((spot) => h('tr', {},
    h('td', { class: 'mono' }, value(spot.method, 12), ' ', value(spot.path, 160)),
    h('td', { class: 'num' }, number(spot.unmatched + spot.unrecorded)),
    h('td', {}, value(Object.keys(spot.statuses ?? {}).join(' '), 40)),
    h('td', { class: 'num' }, moment(spot.lastSeen))));
  const table = h('table', { class: 'small' }, h('thead', {}, h('tr', {}, [t('blind.request'), t('blind.count'), t('blind.answers'), t('blind.last')].map((name) => h('th', { scope: 'col' }, name)))), h('tbody', {}, rows));
  const hint = data.length > 12 ? t('blind.more', { n: data.length - 12 }) : null;
  return section(t('overview.blind'), t('blind.hint'),
    data.length ? h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': t('overview.blind') }, table) : h('p', { class: 'calm' }, icon('success'), t('blind.none')),
    hint && h('p', { class: 'hint' }, hint), more > 0 && h('p', { class: 'hint' }, t('blind.unlearned', { n: more })));
}

async function healthSection() {
  const [ready, sums] = await Promise.all([api.readiness(), api.metrics()]);
  const part = (one) => (one ? h('span', { class: one.status === 'ok' ? 'result-success' : 'result-failure' }, t(`health.${one.status}`), one.why && h('span', {}, ': ', value(one.why, 200))) : t('health.untold'));
  const mean = (name) => (sums.get(`${name}_count`) ? t('health.ms', { ms: number(Math.round((sums.get(`${name}_sum`) / sums.get(`${name}_count`)) * 1e4) / 10) }) : '–');
  const figure = (name) => number(sums.get(name) ?? 0);
  const works = ready.status === 'ready';
  return section(t('overview.health'), t('health.hint'), h('div', { class: 'columns is-three' },
    facts(t('health.recorder'), h('span', { class: works ? 'result result-success' : 'result result-failure' }, icon(works ? 'success' : 'failure'), t(`health.${works ? 'ready' : 'notReady'}`)),
      [t('health.journal'), part(ready.journal)], [t('health.store'), part(ready.store)], [t('health.queue'), figure('earwitness_queue_depth')], [t('health.sync'), mean('earwitness_journal_sync_seconds')]),
    facts(t('health.traffic'), null,
      [t('health.requests'), figure('earwitness_requests_total')], [t('health.events'), figure('earwitness_events_total')], [t('health.blind'), figure('earwitness_blind_requests_total')], [t('health.latency'), mean('earwitness_latency_added_seconds')]),
    facts(t('health.rules'), null,
      [t('health.rulesCount'), ready.rules === undefined ? '–' : number(ready.rules)], [t('health.rulesVersion'), h('span', { class: 'mono' }, ready.rulesVersion ? value(ready.rulesVersion, 12) : '–')],
      ready.rulesStaleSince && [t('health.stale'), h('span', { class: 'result-failure' }, exact(ready.rulesStaleSince))], [t('health.paused'), sums.get('earwitness_reads_paused') ? t('health.yes') : t('health.no')])));
}

function facts(title, mark, ...rows) {
  return h('div', { class: 'facet' }, h('h3', {}, title, mark), h('dl', {}, rows.filter(Boolean).map(([name, text]) => [h('dt', {}, name), h('dd', { class: 'num' }, text)])));
}
