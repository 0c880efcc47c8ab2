// What changed: short values side by side, long ones below each other, strings word by word, lists by item. Below it
// stands how the values before were had.

import { brief } from '../../data/events.js';
import { h, value } from '../../ui/dom.js';
import { icon } from '../../ui/icons.js';
import { number, t } from '../../ui/lang.js';
import { added, compare, removed } from '../../ui/diff.js';
import { long } from './long.js';

const SHORT = 48;
const CHANGES_MAX = 200;
const ITEMS_MAX = 200;
const PERSON = ['name', 'displayName', 'email'];

export function changes(event) {
  const list = event.changes ?? [];
  if (!list.length) return [h('p', { class: 'hint' }, t(event.rule ? 'changes.none' : 'changes.untold')), had(event)];
  const table = h('table', { class: 'changes' }, h('colgroup', {}, h('col', { class: 'col-field' }), h('col', {}), h('col', {})),
    h('thead', {}, h('tr', {}, [t('changes.field'), t('changes.before'), t(event.attempted ? 'changes.asked' : 'changes.after')].map((name) => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, groups(list.slice(0, CHANGES_MAX)).map(row)));
  return [table, list.length > CHANGES_MAX && h('p', { class: 'hint num' }, t('changes.more', { n: list.length - CHANGES_MAX })), had(event)];
}

/** Items of one list come as changes of their own: `attendees[a@x.org]`. What only came or went stands together. */
function groups(list) {
  const rows = [];
  for (const change of list) {
    const of = change.field.match(/^([^[\]]+)\[[^\]]*\]$/)?.[1];
    const isWhole = of && (change.before === undefined) !== (change.after === undefined);
    const last = rows.at(-1);
    if (isWhole && last?.list === of) last.items.push(change);
    else rows.push(isWhole ? { list: of, label: change.label ?? of, items: [change] } : change);
  }
  return rows;
}

function row(change) {
  if (change.items) return listRow(change.label, change.items.map((item) => (item.after === undefined ? ['−', item.before] : ['+', item.after])));
  const name = h('th', { scope: 'row', title: change.field.length < 200 ? change.field : null }, value(change.label ?? change.field, 120), change.label && h('span', { class: 'unseen' }, ' ', value(change.field, 120)));
  const { before, after } = change;
  if (Array.isArray(before) && Array.isArray(after)) return listRow(change.label ?? change.field, items(before, after));
  const [left, right] = sides(before, after);
  const isShort = [before, after].every((one) => one === undefined || brief(one).length <= SHORT);
  if (isShort) return h('tr', {}, name, h('td', { 'data-label': t('changes.before') }, left), h('td', { 'data-label': t('changes.after') }, right));
  const stacked = (label, side) => h('div', {}, h('span', { class: 'label' }, label), h('div', {}, side));
  return h('tr', {}, name, h('td', { colspan: 2 }, h('div', { class: 'stacked' }, stacked(t('changes.before'), left), stacked(t('changes.after'), right))));
}

function sides(before, after) {
  const none = () => h('span', { class: 'none' }, t('changes.nothing'));
  const isText = typeof before === 'string' && typeof after === 'string';
  const words = isText && before.length + after.length < 20_000 ? compare(before, after) : null;
  if (words) return words.map((side) => h('div', { class: 'value', dir: 'auto' }, side));
  return [before === undefined ? none() : h('div', { class: 'value', dir: 'auto' }, long(shown(before), removed)), after === undefined ? none() : h('div', { class: 'value', dir: 'auto' }, long(shown(after), added))];
}

/** Two lists by item: what went, what came, and what stayed. */
function items(before, after) {
  const key = (item) => JSON.stringify(item);
  const [old, now] = [new Map(before.map((item) => [key(item), item])), new Map(after.map((item) => [key(item), item]))];
  const gone = [...old].filter(([one]) => !now.has(one)).map(([, item]) => ['−', item]);
  const rest = [...now].map(([one, item]) => [old.has(one) ? '' : '+', item]);
  return [...gone, ...rest];
}

function listRow(label, list) {
  const marked = { '−': removed, '+': added, '': (shownItem) => shownItem };
  const text = (one, sign) => (isPerson(one) ? marked[sign](person(one)) : long(shown(one), marked[sign]));
  const item = ([sign, one]) => h('li', {}, h('span', { class: 'sign', 'aria-hidden': 'true' }, sign), h('span', { class: 'value' }, text(one, sign)));
  return h('tr', {}, h('th', { scope: 'row' }, value(label, 120)), h('td', { colspan: 2 }, h('ul', { class: 'items' }, list.slice(0, ITEMS_MAX).map(item), list.length > ITEMS_MAX && h('li', {}, t('changes.more', { n: list.length - ITEMS_MAX })))));
}

/** Only a name and an address, both short. */
function isPerson(one) {
  const members = one !== null && typeof one === 'object' ? Object.entries(one) : [];
  return members.length > 0 && members.every(([name, inner]) => PERSON.includes(name) && typeof inner === 'string' && inner.length < 200);
}

/** `name, address`, each isolated: a name from right to left must not take the address with it. */
const person = (one) => PERSON.filter((name) => Object.hasOwn(one, name)).flatMap((name, index) => [index > 0 && ', ', value(one[name])]);

/** A flat object as its members. */
function shown(one) {
  if (one === null) return t('changes.null');
  if (typeof one !== 'object' || Array.isArray(one)) return brief(one);
  const members = Object.entries(one);
  const isFlat = members.length > 0 && members.length <= 6 && members.every(([, inner]) => inner === null || typeof inner !== 'object');
  return isFlat ? members.map(([name, inner]) => `${name}: ${brief(inner)}`).join(', ') : brief(one);
}

/** How the values before were had. */
function had(event) {
  const { state = 'none', why, status, ageMs, consistency, concurrent } = event.before ?? {};
  if (state === 'none') return null;
  const reason = why ? ` ${t(`why.${why}`)}${status ? ` (${number(status)})` : ''}` : '';
  const isSure = ['read', 'absent'].includes(state) && consistency !== 'stale' && !concurrent;
  return h('p', { class: 'had' }, icon(isSure ? 'success' : 'note'), h('span', {}, t(`before.${state}`, { ms: ageMs ?? 0 }), reason, consistency && ` ${t(`consistency.${consistency}`)}`, concurrent && ` ${t('before.concurrent')}`));
}
