// What the sections of the overview are made of.

import { h, value } from '../../ui/dom.js';
import { number, t } from '../../ui/lang.js';

const ROWS = 6;

export function section(title, hint, ...body) {
  return h('section', { class: 'line section', 'aria-label': title }, h('div', {}, h('h2', {}, title), hint && h('p', {}, hint)), h('div', {}, body));
}

/** Values with counts, each a link to `address(value)`, or none. */
export function ranking(title, rows, { address = null, shown = (name) => value(name, 60), bar = () => 'all', none = t('overview.nothing'), sum = number(rows.length) } = {}) {
  const most = Math.max(1, ...rows.map(([, count]) => count));
  const line = (row) => [h('span', {}, shown(row[0])), h('span', { class: 'num' }, number(row[1])), meter(row[1] / most, bar(row[0]))];
  const item = (row) => h('li', {}, address ? h('a', { href: address(row[0]), 'data-go': '' }, line(row)) : h('div', { class: 'facet-row' }, line(row)));
  return h('div', { class: 'facet' }, h('h3', {}, title, h('span', { class: 'num' }, sum)), rows.length ? h('ul', {}, rows.slice(0, ROWS).map(item)) : h('p', { class: 'hint' }, none));
}

/** Names with what is said of them. */
export function facts(title, mark, ...rows) {
  return h('div', { class: 'facet' }, h('h3', {}, title, mark), h('dl', {}, rows.filter(Boolean).map(([name, text]) => [h('dt', {}, name), h('dd', { class: 'num' }, text)])));
}

function meter(share, name) {
  const bar = h('i', { class: `bar-${name}` });
  bar.style.width = `${Math.max(0.6, share * 100)}%`;
  return h('span', { class: 'meter', 'aria-hidden': 'true' }, bar);
}
