// The log itself: is it intact, how long is it kept, and does the recorder work.

import * as api from '../../data/api.js';
import * as session from '../../data/session.js';
import { hex, parse } from '../../proof/note.js';
import { h, value } from '../../ui/dom.js';
import { icon } from '../../ui/icons.js';
import { number, parts, t } from '../../ui/lang.js';
import { exact, moment } from '../../ui/time.js';
import { facts, section } from './parts.js';

export async function health() {
  const [ready, sums, note, kept, waiting] = await Promise.all([api.readiness(), api.metrics().catch(() => null), api.checkpoint().then(parse, () => null), api.retention().catch(() => null), approvals().catch(() => [])]);
  return section(t('overview.health'), t('health.hint'), h('div', { class: 'columns is-three' }, integrity(note, ready), retention(kept, waiting), recorder(ready, sums)));
}

/** The erasures that wait for a second person; an operator is asked for, and others ask in vain. */
async function approvals() {
  await session.known();
  return session.mayErase() ? (await api.erasure()).awaiting ?? [] : [];
}

const mark = (isWell, words) => h('span', { class: isWell ? 'result result-success' : 'result result-failure' }, icon(isWell ? 'success' : 'failure'), words);
const part = (one) => (one ? h('span', { class: one.status === 'ok' ? 'result-success' : 'result-failure' }, t(`health.${one.status}`), one.why && h('span', {}, ': ', value(one.why, 200))) : t('health.untold'));

function integrity(note, ready) {
  const store = [t('health.store'), part(ready.store)];
  const outside = ready.checkpoints && [t('health.checkpoints'), ready.checkpoints.outsideAgeS === undefined ? part(ready.checkpoints) : [part(ready.checkpoints), ', ', t('health.outside', { n: ready.checkpoints.outsideAgeS })]];
  if (!note) return facts(t('health.integrity'), null, [t('health.checkpoint'), t('health.none')], store);
  const shown = hex(note.root);
  return facts(t('health.integrity'), null,
    [t('health.entries'), number(Number(note.size))], [t('health.root'), h('span', { class: 'mono', title: shown }, `${shown.slice(0, 12)}…`)], outside, store);
}

function retention(kept, waiting) {
  const waits = ({ id, by, until }) => h('div', {}, parts('health.waits', { id: h('span', { class: 'mono' }, value(id, 20)), by: value(by, 80), until: exact(until) }));
  const approval = waiting.length > 0 && [t('health.approval'), waiting.slice(0, 10).map(waits)];
  if (!kept) return facts(t('health.retention'), null, [t('health.policies'), t('health.untold')], approval);
  const trouble = kept.failed ?? kept.asks;
  const gigabytes = (bytes) => t('health.gigabytes', { n: number(Math.round(bytes / 1e7) / 100) });
  return facts(t('health.retention'), trouble || approval ? mark(false, t('health.asks')) : null,
    [t('health.policies'), kept.keepsEverything ? t('health.everything') : number(kept.policies?.length ?? 0)],
    kept.holds?.length > 0 && [t('health.holds'), number(kept.holds.length)],
    kept.last && [t('health.lastRun'), [moment(kept.last.at), ': ', t('health.left', { n: kept.last.events ?? 0 })]],
    kept.next && [t('health.nextRun'), moment(kept.next)],
    kept.plan && [t('health.disk'), gigabytes(kept.plan.bytes ?? 0)], kept.disk && [t('health.free'), gigabytes(kept.disk.freeBytes)],
    approval, trouble && [t('health.why'), value(trouble, 300)]);
}

function recorder(ready, sums) {
  const works = ready.status === 'ready';
  const mean = (name) => (sums?.get(`${name}_count`) ? t('health.ms', { ms: number(Math.round((sums.get(`${name}_sum`) / sums.get(`${name}_count`)) * 1e4) / 10) }) : '–');
  const figure = (name) => (sums ? number(sums.get(name) ?? 0) : '–');
  return facts(t('health.recorder'), mark(works, t(`health.${works ? 'ready' : 'notReady'}`)),
    [t('health.journal'), part(ready.journal)],
    [t('health.requests'), figure('earwitness_requests_total')], [t('health.events'), figure('earwitness_events_total')], [t('health.queue'), figure('earwitness_queue_depth')],
    [t('health.sync'), mean('earwitness_journal_sync_seconds')], [t('health.latency'), mean('earwitness_latency_added_seconds')],
    [t('health.rulesCount'), ready.rules === undefined ? '–' : number(ready.rules)], ready.rulesStaleSince && [t('health.stale'), h('span', { class: 'result-failure' }, exact(ready.rulesStaleSince))],
    sums?.get('earwitness_reads_paused') > 0 && [t('health.paused'), t('health.yes')]);
}
