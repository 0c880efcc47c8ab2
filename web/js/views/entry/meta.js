// The circumstances of an entry: from where, by which request, by which rule, and its place in the chain.

import { agent } from '../../data/events.js';
import { h, value } from '../../ui/dom.js';
import { number, t } from '../../ui/lang.js';
import { addressShown } from '../../ui/marks.js';
import { long } from './long.js';

const mono = (text) => (text === undefined || text === null ? null : h('span', { class: 'mono' }, value(text, 2_000)));

export function meta(event) {
  const { client = {}, request = {}, response, rule = {}, match = {}, actor = {} } = event;
  const address = (one) => one && h('span', { class: 'mono' }, addressShown(event, one));
  return [
    group(t('meta.event'), [
      ['column.action', mono(event.action)], ['column.type', text(event.type)], ['column.category', text(event.category)], ['column.apiKind', text(event.apiKind)],
      ['column.organization', text(event.scope?.organization)], ['column.team', text(event.scope?.team)], ['meta.tags', text(event.tags?.join(', '))]]),
    details(event.details),
    group(t('meta.client'), [
      ['column.ip', address(client.ip)], ['meta.peer', address(client.peer)], ['meta.agent', client.userAgent && [value(agent(client.userAgent)), h('div', { class: 'sub' }, long(client.userAgent))]],
      ['meta.login', [t(`assurance.${actor.assurance ?? 'none'}`), actor.evidence && `; ${t(`evidence.${actor.evidence}`)}`, actor.evidenceAgeS ? `, ${t('meta.evidenceAge', { n: actor.evidenceAgeS })}` : null]], ['meta.credential', mono(actor.credential)]]),
    group(t('meta.request'), [
      ['column.url', request.method && [mono(request.method), ' ', request.url && h('span', { class: 'mono' }, long(request.url))]], ['meta.destination', mono(request.destination)], ['meta.operation', mono(request.operation)], ['meta.part', request.part === undefined ? null : number(request.part)],
      ['column.status', response && [mono(response.status), ` ${t('meta.took', { ms: response.durationMs })}`]], ['column.traceId', mono(request.traceId)], ['column.requestId', mono(request.id)], ['meta.exchange', mono(event.exchangeId)]]),
    group(t('meta.rule'), [
      ['column.rule', mono(rule.id)], ['meta.version', mono(rule.version)], ['meta.match', [t(`certainty.${match.certainty ?? 'certain'}`), match.by && `, ${t(`by.${match.by}`)}`]]]),
    group(t('meta.chain'), [
      ['column.sequence', event.sequence === undefined ? null : number(event.sequence)], ['column.id', mono(event.id)], ['meta.hash', mono(event.leaf)]]),
  ];
}

const text = (found) => (found ? value(found, 400) : null);

function group(title, rows) {
  const shown = rows.filter(([, content]) => content !== null && content !== undefined && content !== '');
  if (!shown.length) return null;
  return [h('h3', {}, title), h('dl', { class: 'facts' }, shown.map(([key, content]) => [h('dt', {}, t(key)), h('dd', {}, content)]))];
}

/** What the rule keeps beside, by its own names. */
function details(found) {
  const members = Object.entries(found ?? {}).slice(0, 100);
  if (!members.length) return null;
  const shown = (one) => (typeof one === 'object' && one !== null ? h('span', { class: 'mono' }, long(JSON.stringify(one))) : long(one));
  return [h('h3', {}, t('meta.details')), h('dl', { class: 'facts' }, members.map(([name, one]) => [h('dt', {}, value(name, 60)), h('dd', {}, shown(one))]))];
}
