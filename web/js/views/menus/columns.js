// The columns of the table: which, and in what order; by dragging or by two buttons. Kept in this browser.

import { sample } from '../../data/counts.js';
import { COLUMNS, SHOWN_AT_FIRST, detailColumns } from '../../data/events.js';
import { h } from '../../ui/dom.js';
import { t } from '../../ui/lang.js';
import { refill } from '../../ui/menu.js';
import { keepColumns, state } from '../../state.js';
import { columnName } from '../table.js';
import { tool } from '../head.js';

/** All columns that can be chosen: those of every event, and those that rules keep in their details. */
export async function allColumns() {
  const details = await sample(state.search).then(({ events }) => detailColumns(events), () => []);
  return [...new Set([...COLUMNS.keys(), ...details, ...state.columns])];
}

export function columns(close, box) {
  allColumns().then((all) => refill(box, content(close, box, all)));
  return content(close, box, [...COLUMNS.keys()]);
}

function content(close, box, all) {
  const change = (next, focus) => {
    keepColumns(next);
    refill(box, content(close, box, all));
    box.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
  };
  const others = all.filter((column) => !state.columns.includes(column));
  return [h('h2', {}, t('columns.title')), h('p', { class: 'hint' }, t('columns.hint')),
    h('div', { class: 'foot' }, h('button', { type: 'button', class: 'button is-small is-main', onclick: () => close() }, t('columns.done')),
      h('button', { type: 'button', class: 'button is-small', onclick: () => change(SHOWN_AT_FIRST, SHOWN_AT_FIRST[0]) }, t('columns.reset'))),
    h('ol', {}, state.columns.map((column, index) => shown(column, index, change))),
    h('h3', {}, t('columns.others', { n: others.length })), h('ul', {}, others.map((column) => h('li', {}, tick(column, false, () => change([...state.columns, column], column)))))];
}

function shown(column, index, change) {
  const move = (by) => {
    const next = state.columns.filter((other) => other !== column);
    next.splice(Math.max(0, index + by), 0, column);
    change(next, column);
  };
  const leave = () => state.columns.length > 1 && change(state.columns.filter((other) => other !== column), column);
  const name = columnName(column);
  const row = h('li', { class: 'column-row', draggable: 'true' }, tick(column, true, leave),
    tool('up', t('columns.up', { name }), { onclick: () => move(-1), disabled: index === 0 }), tool('down', t('columns.down', { name }), { onclick: () => move(1), disabled: index === state.columns.length - 1 }));
  row.addEventListener('dragstart', (event) => event.dataTransfer.setData('text/x-column', column));
  row.addEventListener('dragover', (event) => event.preventDefault());
  row.addEventListener('drop', (event) => {
    event.preventDefault();
    const moved = event.dataTransfer.getData('text/x-column');
    if (!state.columns.includes(moved) || moved === column) return;
    const next = state.columns.filter((other) => other !== moved);
    next.splice(index, 0, moved);
    change(next, moved);
  });
  return row;
}

const tick = (column, isOn, onchange) => h('label', { class: 'option' }, h('input', { type: 'checkbox', checked: isOn, onchange, 'data-key': column }), h('span', {}, columnName(column)));
