// The table: the same events, a line each, in the columns that somebody chose.

import { COLUMNS, cell } from '../data/events.js';
import { Chunks, pieces } from '../ui/chunks.js';
import { h, named, value } from '../ui/dom.js';
import { has, t } from '../ui/lang.js';
import { addressShown, hasNoAddress, result, sentence, source } from '../ui/marks.js';
import { clock, dayLong, dayOf, dayShort, exact, zoneName } from '../ui/time.js';
import { href, state } from '../state.js';

const WIDTHS = { wide: 340, plain: 136, narrow: 114 };
const TIME = 128;
const WIDE = new Set(['message', 'changes', 'userAgent', 'url', 'details']);
const NARROW = new Set(['result', 'source', 'type', 'category', 'status', 'durationMs', 'method', 'sequence', 'certainty', 'role', 'actorType', 'targetType']);
const MONO = new Set(['action', 'ip', 'targetId', 'actorId', 'id', 'requestId', 'traceId', 'url', 'rule', 'details']);

/** What a column is called. */
export function columnName(column) {
  // What several rule packs keep under one name has a name for people, too.
  if ((COLUMNS.has(column) || column.startsWith('details.')) && has(`column.${column}`)) return t(`column.${column}`);
  return named(column.replace(/^details\./, ''), 60);
}

export class Table {
  constructor() {
    const columns = state.columns;
    const heads = columns.map((column) => h('th', { scope: 'col' }, columnName(column)));
    this.table = h('table', { class: 'log' }, h('caption', { class: 'unseen' }, t('table.caption')),
      h('colgroup', {}, h('col', { class: 'col-time' }), columns.map((column) => h('col', { class: column === widest(columns) ? null : `col-${width(column)}` }))),
      h('thead', {}, h('tr', {}, h('th', { class: 'time', scope: 'col' }, t('column.time'), ', ', zoneName()), heads)));
    this.table.style.minWidth = `${columns.reduce((sum, column) => sum + WIDTHS[width(column)], TIME)}px`;
    this.element = h('div', { class: 'table-frame', role: 'region', 'aria-label': t('table.caption'), tabindex: 0 }, this.table);
    this.day = null;
    this.chunks = new Chunks((events) => this.rows(events), (body, height) => hold(body, height, columns.length + 1));
  }

  append(events) {
    this.put(events, (body) => this.table.append(body));
  }

  prepend(events) {
    for (const event of events) event.isFresh = true;
    const first = this.table.tBodies[0] ?? null;
    this.put(events, (body) => this.table.insertBefore(body, first));
    for (const event of events) delete event.isFresh;
  }

  put(events, insert) {
    for (const piece of pieces(events)) {
      const body = h('tbody', {});
      insert(body);
      this.chunks.add(body, piece);
    }
  }

  rows(events) {
    return events.flatMap((event, index) => {
      const isNewDay = index === 0 || dayOf(events[index - 1].time) !== dayOf(event.time);
      return [isNewDay && dayRow(event), this.row(event)].filter(Boolean);
    });
  }

  row(event) {
    return h('tr', { 'data-id': event.id, class: event.isFresh ? 'is-fresh' : '', 'aria-current': state.entry === event.id ? 'true' : null },
      h('td', { class: 'time num' }, h('time', { datetime: event.time, title: `${exact(event.time)}\n${event.time}` }, clock(event.time))),
      state.columns.map((column, index) => oneCell(event, column, index === 0)));
  }

  mark() {
    for (const row of this.table.querySelectorAll('tr[data-id]')) {
      if (row.dataset.id === state.entry) row.setAttribute('aria-current', 'true');
      else row.removeAttribute('aria-current');
    }
  }

  /** The link of an event's row, made if it was emptied. */
  link(id) {
    const body = this.chunks.filled(id);
    return body && [...body.rows].find((row) => row.dataset.id === id)?.querySelector('a');
  }

  tally() {}

  close() {
    this.chunks.close();
  }
}

function dayRow(event) {
  return h('tr', { class: 'day-row' }, h('th', { class: 'time', scope: 'rowgroup' }, dayShort(event.time)), h('td', { colspan: state.columns.length }, dayLong(event.time)));
}

/** The first column opens the entry, whichever it is. */
function oneCell(event, column, isFirst) {
  const text = cell(event, column);
  const shown = column === 'message' ? sentence(event) : column === 'result' ? result(event.result) : column === 'source' && text ? source(text) : column === 'ip' && text ? addressShown(event) : value(text, 300);
  const classes = [column === 'message' && 'sentence', MONO.has(column) && 'mono'].filter(Boolean).join(' ');
  const link = h('a', { href: href({ entry: event.id, tab: 'changes' }), 'data-entry': event.id }, shown);
  return h('td', { class: classes, title: text && !(column === 'ip' && hasNoAddress(event)) ? named(text) : null, dir: column === 'message' ? 'auto' : null }, isFirst ? link : shown);
}

const width = (column) => (WIDE.has(column) ? 'wide' : NARROW.has(column) ? 'narrow' : 'plain');

/** The column that takes what room is left over. */
const widest = (columns) => columns.find((column) => WIDE.has(column)) ?? columns.at(-1);

function hold(body, height, columns) {
  if (height === null) return;
  const cellHeld = h('td', { colspan: columns });
  cellHeld.style.height = `${height}px`;
  body.replaceChildren(h('tr', { 'aria-hidden': 'true' }, cellHeld));
}
