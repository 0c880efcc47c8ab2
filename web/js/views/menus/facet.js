// The values of one filter with their counts, to tick. The counts are of the search as it were without this filter,
// and the menu says of how many events.

import { facets, nameFor } from '../../data/counts.js';
import { withFilter } from '../../data/search.js';
import { h, value } from '../../ui/dom.js';
import { number, t } from '../../ui/lang.js';
import { result, source } from '../../ui/marks.js';
import { refill } from '../../ui/menu.js';
import { go, state } from '../../state.js';
import { ofWords } from '../of.js';

const SHOWN_MAX = 100;

/** Fills a menu with the values of a field. */
export function facet(field) {
  return (close, box) => {
    show(field, box);
    return [h('h2', {}, t(`field.${field}`)), h('p', { class: 'hint' }, t('state.counting'))];
  };
}

/** The same in a menu that is open. */
export async function show(field, box) {
  const title = h('h2', {}, t(`field.${field}`));
  try {
    const { rows: counted, of } = await facets(state.search, [field]);
    const found = counted.get(field);
    const chosen = (state.search.filters.get(field) ?? []).filter((one) => !found.some(([name]) => same(name, one)));
    const rows = [...chosen.map((name) => [name, null]), ...found].slice(0, SHOWN_MAX);
    const list = h('ul', {}, rows.map((row) => option(field, row)));
    refill(box, title, rows.length > 8 && narrowing(list), list, !rows.length && h('p', { class: 'hint' }, t('facet.none')), h('p', { class: 'hint num' }, ofWords(of)));
    box.querySelector('input')?.focus();
  } catch (error) {
    refill(box, title, h('p', { class: 'hint' }, t('error.part', { why: error.problem?.detail ?? t(`error.${error.kind ?? 'failed'}.title`) })));
  }
}

function option(field, [name, count]) {
  const chosen = state.search.filters.get(field) ?? [];
  const turn = (event) => {
    const others = (state.search.filters.get(field) ?? []).filter((one) => !same(one, name));
    go({ search: withFilter(state.search, field, event.target.checked ? [...others, name] : others), entry: null });
  };
  const shown = field === 'result' ? result(name) : field === 'source' ? source(name) : value(nameFor(field, name), 80);
  return h('li', { 'data-text': `${name} ${nameFor(field, name)}`.toLowerCase() }, h('label', { class: 'option' }, h('input', { type: 'checkbox', checked: chosen.some((one) => same(one, name)), onchange: turn }), h('span', {}, shown), h('span', { class: 'count num' }, count === null ? '–' : number(count))));
}

/** A field that leaves only the values that contain what is typed. */
function narrowing(list) {
  const typed = (event) => {
    for (const row of list.children) row.hidden = !row.dataset.text.includes(event.target.value.toLowerCase());
  };
  return h('input', { type: 'search', class: 'field', placeholder: t('facet.find'), 'aria-label': t('facet.find'), oninput: typed });
}

/** The API compares without case. */
const same = (a, b) => a.toLowerCase() === b.toLowerCase();
