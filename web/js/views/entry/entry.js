// One entry: the sentence, who and what and through what, and below it the changes, the raw record and the
// circumstances. What surrounds it is a step away.

import * as api from '../../data/api.js';
import { filterOf, nameOf } from '../../data/events.js';
import { fileName, save } from '../../data/export.js';
import { h, tell, value } from '../../ui/dom.js';
import { icon } from '../../ui/icons.js';
import { has, number, parts, t } from '../../ui/lang.js';
import { addressShown, avatar, hasNoAddress, nameShown, result, sentence, source } from '../../ui/marks.js';
import { ago, exact } from '../../ui/time.js';
import { TABS, go, href, state } from '../../state.js';
import { tool } from '../head.js';
import { changes } from './changes.js';
import { erased } from './erased.js';
import { long } from './long.js';
import { meta } from './meta.js';
import { proof } from './proof.js';
import { raw } from './raw.js';

/** The panel of an event; `move(by)` goes to its neighbour in the list, `beside` are events of the same request. */
export function entry(event, move, beside) {
  return h('aside', { class: 'entry', 'aria-label': t('entry.label'), tabindex: -1 },
    h('div', { class: 'entry-head' }, h('span', { class: 'num' }, event.sequence === undefined ? t('entry.label') : t('entry.number', { n: event.sequence })),
      tool('up', t('entry.newer'), { onclick: () => move(-1) }), tool('down', t('entry.older'), { onclick: () => move(1) }),
      tool('link', t('entry.copyLink'), { onclick: () => copyLink(event) }), tool('download', t('entry.download'), { onclick: () => download(event) }),
      tool('close', t('entry.close'), { onclick: () => go({ entry: null }, { push: true }) })),
    h('div', { class: 'entry-body' }, h('h2', { class: 'said', dir: 'auto' }, sentence(event)), facts(event), erased(event), notes(event), tabs(event), around(event, beside)));
}

/** The panel of an entry that is not there, or not for this reader. */
export function missing(error) {
  return h('aside', { class: 'entry', 'aria-label': t('entry.label'), tabindex: -1 },
    h('div', { class: 'entry-head' }, h('span', {}, t('entry.label')), tool('close', t('entry.close'), { onclick: () => go({ entry: null }, { push: true }) })),
    h('div', { class: 'entry-body' }, h('h2', { class: 'said' }, t(`error.${error.kind ?? 'failed'}.title`)), h('p', {}, t(error.kind === 'missing' ? 'entry.missing' : `error.${error.kind ?? 'failed'}.text`))));
}

export async function copyLink(event) {
  await copy(new URL(`?e=${encodeURIComponent(event.id)}`, location.href.split('?')[0]).href);
}

export async function download(event) {
  save(new Blob([await api.eventText(event.id)], { type: 'application/json' }), fileName('json').replace('events', `event-${event.sequence ?? event.id}`));
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    tell(t('entry.copied'));
  } catch {
    // Clipboards are for secure origins; there the text can be marked by hand.
    tell(t('entry.notCopied'));
  }
}

function facts(event) {
  const rows = [
    [t('fact.who'), person(event.actor)],
    event.onBehalfOf && [t('fact.behalf'), person(event.onBehalfOf)],
    [t('fact.when'), h('time', { datetime: event.time, class: 'num' }, exact(event.time)), h('span', { class: 'sub' }, ', ', h('span', { 'data-time': event.time }, ago(event.time, Date.now())))],
    event.target && [t('fact.what'), thing(event.target)],
    event.links?.length && [t('fact.links'), event.links.slice(0, 20).map(link)],
    [t('fact.through'), source(event.source), event.client && h('span', { class: 'sub' }, ' ', t('fact.from'), ' ', h('span', { class: 'mono' }, addressShown(event)))],
    [t('fact.result'), result(event.result), event.attempted && h('span', { class: 'sub' }, ' ', t('fact.attempted'))],
    event.error && [t('fact.error'), long(event.error)],
    event.reason && [t('fact.reason'), h('q', { dir: 'auto' }, long(event.reason))],
  ];
  return h('dl', { class: 'facts' }, rows.filter(Boolean).map(([name, ...texts]) => [h('dt', {}, name), h('dd', {}, texts)]));
}

function person(actor) {
  const more = [actor.email, actor.id].filter((one) => one && one !== nameOf(actor));
  return [h('div', { class: 'person' }, avatar(actor), h('b', {}, nameShown(actor)), actor.role && h('span', { class: 'sub' }, value(actor.role, 60))),
    more.length ? h('div', { class: 'sub' }, more.flatMap((one, index) => [index > 0 && ' · ', value(one, 120)])) : null,
    h('div', { class: ['verified', 'lookedUp'].includes(actor.assurance) ? 'sub' : 'sub unsure' }, t(`assurance.${actor.assurance ?? 'none'}`))];
}

function thing(target) {
  return [value(target.name ?? target.type, 200), ' ', target.name && h('span', { class: 'sub' }, value(target.type, 60)), ' ', target.id && h('span', { class: 'mono sub' }, value(target.id, 120)),
    target.requestedId && h('div', { class: 'sub' }, t('fact.requested'), ' ', h('span', { class: 'mono' }, value(target.requestedId, 120)))];
}

function link({ rel, type, id }) {
  const address = href({ search: { words: '', about: `${type}:${id}`, from: null, to: null, filters: new Map() }, entry: null });
  return h('div', {}, value(rel, 60), ' ', h('a', { href: address, 'data-go': '' }, value(type, 60), ' ', h('span', { class: 'mono' }, value(id, 120))));
}

/** What the record says of its own gaps stands above everything that it claims. */
function notes(event) {
  const list = [...(event.match?.certainty === 'doubtful' ? (event.match.reasons ?? []).map((why) => ({ code: 'match-doubtful', detail: why })) : []), ...(event.notes ?? []).filter((note) => note.code !== 'match-doubtful' || !event.match?.reasons?.length)];
  if (!list.length) return null;
  return h('ul', { class: 'notes', 'aria-label': t('entry.notes') }, list.slice(0, 40).map((note) => h('li', {}, icon('note'), h('div', {}, has(`note.${note.code}`) ? t(`note.${note.code}`) : value(note.code, 60), note.detail && h('span', { class: 'sub' }, ' ', value(note.detail, 400))))));
}

function tabs(event) {
  const names = { changes: [t('tab.changes'), event.changes?.length], raw: [t('tab.raw')], meta: [t('tab.meta')], proof: [t('tab.proof')] };
  // Where an entry stands in the log is told to auditors alone, and there is nothing to prove without it.
  const all = TABS.filter((name) => name !== 'proof' || event.leaf);
  const open = all.includes(state.tab) ? state.tab : all[0];
  const turn = (at) => {
    const next = all[(at + all.length) % all.length];
    go({ tab: next });
    document.getElementById(`tab-${next}`)?.focus();
  };
  const onkeydown = (key) => {
    const at = all.indexOf(open);
    if (key.key === 'ArrowRight') turn(at + 1);
    else if (key.key === 'ArrowLeft') turn(at - 1);
    else if (key.key === 'Home') turn(0);
    else if (key.key === 'End') turn(all.length - 1);
  };
  const tab = (name) => h('button', { type: 'button', role: 'tab', id: `tab-${name}`, 'aria-selected': String(name === open), 'aria-controls': 'tab-panel', tabindex: name === open ? 0 : -1, onclick: () => go({ tab: name }), onkeydown }, names[name][0], names[name][1] ? h('span', { class: 'num' }, ` ${number(names[name][1])}`) : null);
  const shown = { changes, raw, meta, proof }[open](event);
  return [h('div', { class: 'tabs', role: 'tablist', 'aria-label': t('entry.parts') }, all.map(tab)),
    h('div', { role: 'tabpanel', id: 'tab-panel', 'aria-labelledby': `tab-${open}`, tabindex: 0 }, shown)];
}

function around(event, beside) {
  const search = (filters) => href({ view: 'timeline', search: { words: '', from: null, to: null, filters: new Map(filters) }, entry: null });
  const [thingAt, actor] = [event.target, filterOf(event.actor)];
  const about = thingAt?.id && h('a', { href: href({ view: 'timeline', search: { words: '', about: `${thingAt.type}:${thingAt.id}`, from: null, to: null, filters: new Map() }, entry: null }), 'data-go': '' }, parts('around.thing', { type: value(thingAt.type, 40) }));
  const by = actor && h('a', { href: search([[actor[0], [actor[1]]]]), 'data-go': '' }, parts('around.person', { name: value(nameOf(event.actor), 60) }));
  const from = event.client?.ip && !hasNoAddress(event) && h('a', { href: search([['ip', [event.client.ip]]]), 'data-go': '' }, parts('around.address', { ip: value(event.client.ip, 60) }));
  const others = beside.length ? h('div', {}, t('around.request', { n: beside.length }), beside.slice(0, 10).map((other) => h('div', {}, h('a', { href: href({ entry: other.id, tab: 'changes' }), 'data-entry': other.id }, value(other.message?.text ?? other.title, 160))))) : null;
  return h('div', { class: 'around' }, about, by, from, others);
}
