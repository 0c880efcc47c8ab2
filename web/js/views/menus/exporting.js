// The export: the whole search, not what is loaded, in a form that a spreadsheet or a program reads.

import * as api from '../../data/api.js';
import { COLUMNS, PATHS } from '../../data/events.js';
import * as exporting from '../../data/export.js';
import { ask } from '../../data/search.js';
import { h, tell } from '../../ui/dom.js';
import { locale, t } from '../../ui/lang.js';
import { refill } from '../../ui/menu.js';
import { state } from '../../state.js';
import { columnName } from '../table.js';
import { allColumns } from './columns.js';

const FORMATS = ['csv', 'csv;', 'ndjson'];
/** Made by the server alone, where it makes files. */
const MADE_THERE = ['xlsx', 'json', 'parquet', 'cloudevents', 'ocsf'];
const ENDINGS = { xlsx: 'xlsx', json: 'json', parquet: 'parquet', cloudevents: 'ndjson', ocsf: 'ndjson' };

export function exportMenu(close, box) {
  const radio = (group, name, text, isOn) => h('label', { class: 'option' }, h('input', { type: 'radio', name: group, value: name, checked: isOn }), h('span', {}, text));
  const there = h('div', {});
  api.hasRoute('/audit/v1/export').then((has) => has && there.replaceChildren(...MADE_THERE.map((name) => radio('format', name, t(`export.${name}`), false))));
  const form = h('form', {}, h('h2', {}, t('export.title')), h('p', { class: 'hint' }, t('export.hint')),
    h('fieldset', {}, h('legend', {}, t('export.format')), FORMATS.map((name, index) => radio('format', name, t(`export.${name}`), index === 0)), there),
    h('fieldset', {}, h('legend', {}, t('export.columns')), radio('columns', 'shown', t('export.shown', { n: state.columns.length }), true), radio('columns', 'all', t('export.all'), false)),
    h('p', { class: 'hint' }, t('export.formulae')), h('div', { class: 'foot' }, h('button', { class: 'button is-small is-main' }, t('export.start'))));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const chosen = new FormData(form);
    const make = MADE_THERE.includes(chosen.get('format')) ? fetched : run;
    make(close, box, chosen.get('format'), chosen.get('columns') === 'all');
  });
  return [form];
}

const run = (close, box, format, isAll) => underWay(close, box, t('export.running', { n: 0 }), async (signal, told) => {
  const columns = isAll ? [...new Set([...COLUMNS.keys(), ...(await allColumns())])] : state.columns;
  const names = [t('column.time'), ...columns.map(columnName)];
  const { blob, count } = await exporting.make({ search: state.search, format, columns, names, signal, told: (n) => told(t('export.running', { n })) });
  return { blob, name: exporting.fileName(format === 'ndjson' ? 'ndjson' : 'csv'), text: t('export.done', { n: count }) };
});

/** A file that the server writes goes from there to the disk; only who shows a token himself must hold it in between. */
function fetched(close, box, format, isAll) {
  const asked = new URLSearchParams([...ask(state.search, Date.now()), ['format', format]]);
  asked.delete('about');
  if (state.search.about) asked.set('history', state.search.about.replace(':', '/'));
  const paths = ['time', ...state.columns.map((column) => (column.startsWith('details.') ? column : PATHS[column]))].filter(Boolean);
  if (!isAll && ['xlsx', 'json', 'parquet'].includes(format)) asked.set('columns', paths.join(','));
  const name = exporting.fileName(ENDINGS[format]);
  if (api.hasToken()) {
    return underWay(close, box, t('export.waiting'), async (signal, told) => {
      const blob = await api.exported(asked, { signal, told: (bytes) => told(t('export.received', { size: size(bytes) })) });
      return { blob, name, text: t('export.saved', { size: size(blob.size) }) };
    });
  }
  exporting.saveFrom(`audit/v1/export?${asked}`, name);
  return done(box, close, t('export.begun'));
}

/** Shows how far an export is, by what `make` tells, and lets it be cancelled; what it makes is saved. */
async function underWay(close, box, begun, make) {
  const stop = new AbortController();
  const progress = h('p', { class: 'num', role: 'status' }, begun);
  refill(box, h('h2', {}, t('export.title')), progress, h('div', { class: 'foot' }, h('button', { type: 'button', class: 'button is-small', onclick: () => stop.abort() }, t('export.cancel'))));
  box.querySelector('button').focus();
  // A menu that is closed is an export that is not wanted any more.
  const gone = new MutationObserver(() => !box.isConnected && stop.abort());
  gone.observe(document.body, { childList: true });
  // Pieces come faster than the words change, and a status that is said again is a nuisance.
  const told = (text) => text !== progress.textContent && progress.replaceChildren(text);
  try {
    const { blob, name, text } = await make(stop.signal, told);
    exporting.save(blob, name);
    done(box, close, text);
  } catch (error) {
    done(box, close, stop.signal.aborted ? t('export.cancelled') : t('export.failed', { why: error.problem?.detail ?? t(`error.${error.kind ?? 'failed'}.title`) }));
  } finally {
    gone.disconnect();
  }
}

/** So many bytes, as a person says it: `1.4 MB`. */
function size(bytes) {
  const [unit, factor] = bytes < 1e6 ? ['kilobyte', 1e3] : bytes < 1e9 ? ['megabyte', 1e6] : ['gigabyte', 1e9];
  return new Intl.NumberFormat(locale, { style: 'unit', unit, maximumFractionDigits: 1 }).format(bytes / factor);
}

function done(box, close, text) {
  tell(text);
  refill(box, h('h2', {}, t('export.title')), h('p', {}, text), h('div', { class: 'foot' }, h('button', { type: 'button', class: 'button is-small is-main', onclick: () => close() }, t('columns.done'))));
  box.querySelector?.('button')?.focus();
}
