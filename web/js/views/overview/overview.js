// The overview: when, how it ended, who was busy, what failed, what is new, what no rule saw, and whether the log and its
// recorder are well. Every figure says of how many events it speaks. What has a route of its own comes when it comes,
// and its failure is its own.

import { facets, nameFor, sample, times } from '../../data/counts.js';
import { KINDS, RESULTS, kindOfAction } from '../../data/events.js';
import { withFilter } from '../../data/search.js';
import { h, value } from '../../ui/dom.js';
import { icon } from '../../ui/icons.js';
import { t } from '../../ui/lang.js';
import { result, source } from '../../ui/marks.js';
import { href, state } from '../../state.js';
import { chart } from '../chart.js';
import { ofWords } from '../of.js';
import { failed, loading } from '../states.js';
import { addresses } from './addresses.js';
import { blind } from './blind.js';
import { health } from './health.js';
import { ranking, section } from './parts.js';

const BAD = ['failure', 'denied'];

export class Overview {
  constructor() {
    this.places = new Map(['when', 'what', 'look', 'blind', 'health'].map((name) => [name, h('div', {})]));
    this.element = h('div', {}, loading());
    this.load();
  }

  async load() {
    const { search } = state;
    try {
      this.put('when', await whenSection(search));
    } catch (error) {
      this.element.replaceChildren(failed(error, () => this.load()));
      return;
    }
    if (!this.places.get('when').isConnected) this.element.replaceChildren(...this.places.values());
    for (const [name, made] of [['what', () => whatSection(search)], ['look', () => lookSection(search)], ['blind', blind], ['health', health]]) this.fill(name, made);
  }

  async fill(name, made) {
    try {
      this.put(name, await made());
    } catch (error) {
      this.put(name, section(t(`overview.${name}`), null, h('p', { class: 'hint' }, t('error.part', { why: error.problem?.detail ?? t(`error.${error.kind ?? 'failed'}.title`) }))));
    }
  }

  put(name, element) {
    this.places.get(name).replaceChildren(...[element].filter(Boolean));
  }

  append() {}
  prepend() {}
  tally() {}
  mark() {}
  link() {}
  close() {}
}

async function whenSection(search) {
  const found = await times(search);
  if (!found.bars.length) return section(t('overview.when'), null, h('p', { class: 'hint' }, t('empty.title')));
  const one = (name, text) => h('span', {}, h('i', { class: `bar-${name}` }), text);
  const legend = h('p', { class: 'legend num' }, one('all', ofWords(found.of)), one('failure', t('count.failure', { n: found.outcomes.failure })), one('denied', t('count.denied', { n: found.outcomes.denied })), h('span', { class: 'hint' }, t('chart.hint')));
  return section(t('overview.when'), null, chart(found, { height: 150, hasScale: true }), legend);
}

const mono = (name) => h('span', { class: 'mono' }, value(name));
const named = (name) => value(nameFor('actor', name), 60);

/** The timeline of a value; also of these results alone. */
function timeline(search, field, results = null) {
  return (name) => {
    const narrowed = withFilter(search, field, [name]);
    return href({ view: 'timeline', entry: null, search: results ? withFilter(narrowed, 'result', results) : narrowed });
  };
}

async function whatSection(search) {
  const { rows, of } = await facets(search, ['result', 'actor', 'action', 'source']);
  if (!of.n) return null;
  const results = RESULTS.map((name) => rows.get('result').find(([one]) => one === name)).filter(Boolean);
  return section(t('overview.what'), ofWords(of), h('div', { class: 'columns' },
    ranking(t('field.actor'), rows.get('actor'), { address: timeline(search, 'actor'), shown: named }),
    kinds(rows.get('action')),
    ranking(t('field.source'), rows.get('source'), { address: timeline(search, 'source'), shown: source }),
    ranking(t('field.result'), results, { address: timeline(search, 'result'), shown: result, bar: (name) => name })));
}

function kinds(actions) {
  const counts = new Map();
  for (const [action, n] of actions) counts.set(kindOfAction(action), (counts.get(kindOfAction(action)) ?? 0) + n);
  const rows = KINDS.filter((kind) => counts.has(kind)).map((kind) => [kind, counts.get(kind)]).sort((a, b) => b[1] - a[1]);
  return ranking(t('overview.kinds'), rows, { shown: (kind) => h('span', { class: 'kind-name' }, h('span', { class: `kind-${kind}` }, icon(kind)), t(`kind.${kind}`)) });
}

async function lookSection(search) {
  const bad = withFilter(search, 'result', BAD);
  const [{ rows, of }, fresh] = await Promise.all([facets(bad, ['actor', 'action']), addresses(search, await sample(search))]);
  return section(t('overview.look'), of.isSample || !of.isWhole ? ofWords(of) : null, h('div', { class: 'columns is-three' },
    ranking(t('overview.failures'), rows.get('actor'), { address: timeline(search, 'actor', BAD), shown: named }),
    ranking(t('overview.refused'), rows.get('action'), { address: timeline(search, 'action', BAD), shown: mono }),
    fresh));
}
