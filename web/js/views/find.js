// The search: a box with chips and completion, drop-downs with counts, the span of time, saved searches, export. The
// words are sent when somebody presses Enter; a filter holds at once.

import { facets, nameFor } from '../data/counts.js';
import { FIELDS, parse, withFilter, withValue } from '../data/search.js';
import { h, named, value } from '../ui/dom.js';
import { icon } from '../ui/icons.js';
import { has, number, t } from '../ui/lang.js';
import { opener } from '../ui/menu.js';
import { go, state } from '../state.js';
import { columns } from './menus/columns.js';
import { exportMenu } from './menus/exporting.js';
import { facet } from './menus/facet.js';
import { others } from './menus/others.js';
import { range, rangeName } from './menus/range.js';
import { saved } from './menus/saved.js';
import { share, shareable } from './menus/share.js';

const DROPDOWNS = ['actor', 'action', 'type', 'source', 'result', 'team'];
/** What is completed where no field is named. */
const COMPLETED = ['actor', 'action', 'source', 'result', 'type'];
const SUGGESTED_MAX = 9;

export class Find {
  constructor() {
    this.input = h('input', { type: 'search', id: 'q', role: 'combobox', 'aria-expanded': 'false', 'aria-controls': 'suggestions', 'aria-autocomplete': 'list', 'aria-label': t('find.label'), autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off' });
    this.chips = h('span', { class: 'chips' });
    this.list = h('div', { class: 'menu suggestions', id: 'suggestions', role: 'listbox', 'aria-label': t('find.suggestions'), hidden: true });
    this.wrong = h('p', { class: 'wrong', role: 'alert', hidden: true });
    this.dropdowns = DROPDOWNS.map((field) => [field, opener({ class: 'tool', width: 300 }, t(`field.${field}`), facet(field), t(`field.${field}`), icon('down'))]);
    this.columns = opener({ class: 'tool', width: 310 }, t('columns.title'), columns, icon('columns'), h('span', {}));
    this.bar = h('div', { class: 'filters', role: 'group', 'aria-label': t('find.filters') }, this.dropdowns.map(([, button]) => button), this.more = opener({ class: 'tool', width: 300 }, t('find.more'), others, t('find.more'), icon('down')), h('span', { class: 'push' }),
      this.columns, this.share = opener({ class: 'tool', width: 340 }, t('share.title'), share, icon('link'), t('share.button')), opener({ class: 'tool', width: 300 }, t('saved.title'), saved, t('saved.button'), icon('down')));
    this.range = opener({ class: 'button', width: 280 }, t('range.title'), range, icon('clock'), h('span', { class: 'range-name' }), icon('down'));
    this.exporter = opener({ class: 'button is-export', width: 330 }, t('export.title'), exportMenu, icon('download'), t('export.button'));
    this.total = h('div', { class: 'total num' });
    this.listen();
    this.element = h('form', { role: 'search', 'aria-label': t('find.label'), onsubmit: (event) => this.send(event) },
      h('div', { class: 'line find' }, this.total, h('div', {},
        h('div', { class: 'find-row' }, h('div', { class: 'box' }, icon('search'), this.chips, this.input, h('kbd', { 'aria-hidden': 'true' }, '/'), this.list), this.range, this.exporter), this.wrong, this.bar)));
  }

  /** Shows the search of the address. */
  show() {
    const { search } = state;
    this.input.value = search.words;
    const fields = FIELDS.filter((field) => search.filters.has(field));
    this.input.placeholder = fields.length || search.about ? t('find.and') : matchMedia('(max-width: 640px)').matches ? t('find.short') : t('find.long');
    this.chips.replaceChildren(...(search.about ? [aboutChip(search.about)] : []), ...fields.map((field) => chip(field, search.filters.get(field))));
    this.range.querySelector('.range-name').textContent = rangeName();
    for (const [field, button] of this.dropdowns) button.classList.toggle('is-on', search.filters.has(field));
    this.more.classList.toggle('is-on', fields.some((field) => !DROPDOWNS.includes(field)));
    this.showShare();
    this.columns.hidden = state.view !== 'table';
    this.columns.lastChild.textContent = t('columns.button', { n: state.columns.length });
  }

  /** Whether a link can be made of this search is known when somebody is, and when events have told whose they are. */
  showShare() {
    this.share.hidden = !shareable();
  }

  /** How many events there are, as far as somebody looked; nothing where nobody could. */
  count(n, isWhole) {
    const isKnown = isWhole || n > 0;
    this.total.replaceChildren(...(isKnown ? [h('b', {}, isWhole ? number(n) : `${number(n)}+`), h('span', {}, t('count.unit', { n }))] : []));
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  send(event) {
    event.preventDefault();
    const { words, filters, unknown } = parse(this.input.value);
    this.wrong.hidden = !unknown.length;
    const nearest = unknown[0]?.nearest;
    if (unknown.length) this.wrong.textContent = t(nearest ? 'find.unknownNear' : 'find.unknown', { name: unknown[0].name, nearest: nearest ?? '' });
    this.hide();
    let search = { ...state.search, words };
    for (const [field, one] of filters) search = withValue(search, field, one);
    go({ search, entry: null }, { push: true });
  }

  listen() {
    this.input.addEventListener('input', () => this.suggest());
    this.input.addEventListener('blur', () => setTimeout(() => this.hide(), 150));
    this.input.addEventListener('keydown', (event) => this.key(event));
  }

  key(event) {
    const { filters } = state.search;
    if (event.key === 'Backspace' && !this.input.value && (filters.size || state.search.about)) {
      go({ search: filters.size ? withFilter(state.search, [...filters.keys()].at(-1), []) : { ...state.search, about: null } });
      return;
    }
    const options = [...this.list.children];
    const at = options.findIndex((option) => option.getAttribute('aria-selected') === 'true');
    if (this.list.hidden || !options.length) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      this.choose(options, event.key === 'ArrowDown' ? (at + 1) % options.length : (at <= 0 ? options.length : at) - 1);
    } else if ((event.key === 'Enter' || event.key === 'Tab') && at >= 0) {
      event.preventDefault();
      options[at].click();
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      this.hide();
    }
  }

  choose(options, at) {
    options.forEach((option, index) => option.setAttribute('aria-selected', String(index === at)));
    this.input.setAttribute('aria-activedescendant', options[at].id);
    options[at].scrollIntoView({ block: 'nearest' });
  }

  hide() {
    this.list.hidden = true;
    this.input.setAttribute('aria-expanded', 'false');
    this.input.removeAttribute('aria-activedescendant');
  }

  /** Fields first, then their values with counts, for the word that is being typed; `-` before it leaves them out. */
  async suggest() {
    const typed = this.input.value;
    const found = typed.match(/(?:^|\s)(-?)(?:([a-z]+):)?("?)([^\s"]*)$/i);
    if (!found || !typed.trim()) return this.hide();
    const [, minus, named_, , word] = found;
    const start = typed.slice(0, typed.length - found[0].trimStart().length) + minus;
    const field = FIELDS.find((name) => name.toLowerCase() === named_?.toLowerCase());
    const options = field ? await this.valuesOf([field], word, start, 0) : [...this.fieldsOf(word, start), ...(await this.valuesOf(COMPLETED, word, start, 1))];
    if (this.input.value !== typed || !options.length || document.activeElement !== this.input) return options.length ? undefined : this.hide();
    this.list.replaceChildren(...options.slice(0, SUGGESTED_MAX).map((option, index) => suggestion(option, index)));
    this.list.hidden = false;
    this.input.setAttribute('aria-expanded', 'true');
    return undefined;
  }

  fieldsOf(word, start) {
    const fits = FIELDS.filter((name) => word && name.toLowerCase().startsWith(word.toLowerCase()));
    return fits.map((name) => ({ text: `${name}:`, hint: t(`field.${name}`), isMono: true, pick: () => {
      this.input.value = `${start}${name}:`;
      this.suggest();
    } }));
  }

  async valuesOf(fields, word, start, length_min) {
    if (word.length < length_min) return [];
    const { rows } = await facets(state.search, fields).catch(() => ({ rows: new Map() }));
    const fits = (field) => ([name]) => `${name} ${nameFor(field, name)}`.toLowerCase().includes(word.toLowerCase());
    return fields.flatMap((field) => (rows.get(field) ?? []).filter(fits(field)).map(([name, n]) => ({ field, text: nameFor(field, name), hint: number(n), pick: () => this.pick(field, name, start) })));
  }

  /** A value becomes a chip; one to leave out stays in the box, as words that the search understands. */
  pick(field, name, start) {
    this.hide();
    if (!start.endsWith('-')) return go({ search: { ...withValue(state.search, field, name), words: start.trim() }, entry: null }, { push: true });
    this.input.value = `${start}${field}:${/^[\w.@-]+$/.test(name) ? name : `"${name.replace(/"/g, ' ')}"`} `;
    return this.input.form.requestSubmit();
  }
}

function suggestion({ field, text, hint, isMono, pick }, index) {
  const shown = field ? h('span', {}, h('i', {}, t(`field.${field}`), ': '), value(text, 80)) : h('span', { class: isMono ? 'mono' : '' }, text);
  // The box must keep the focus, or a click would close the list before it arrives.
  return h('div', { class: 'option', role: 'option', id: `suggestion-${index}`, 'aria-selected': 'false', onpointerdown: (event) => event.preventDefault(), onclick: pick }, shown, h('span', { class: 'count num' }, hint));
}

function aboutChip(about) {
  const shown = about.replace(':', ' ');
  return h('span', { class: 'chip' }, h('span', {}, h('i', {}, t('find.about'), ': '), value(shown, 60)),
    h('button', { type: 'button', 'aria-label': t('find.remove', { field: t('find.about'), value: named(shown, 60) }), onclick: () => go({ search: { ...state.search, about: null }, entry: null }) }, icon('close')));
}

function chip(field, chosen) {
  const shown = chosen.map((one) => (field === 'result' && has(`result.${one}`) ? t(`result.${one}`) : nameFor(field, one)));
  const text = shown.flatMap((one, index) => [index > 0 && ` ${t('find.or')} `, value(one, 60)]);
  return h('span', { class: 'chip' }, h('span', {}, h('i', {}, t(`field.${field}`), ': '), text),
    h('button', { type: 'button', 'aria-label': t('find.remove', { field: t(`field.${field}`), value: named(shown.join(', '), 60) }), onclick: () => go({ search: withFilter(state.search, field, []), entry: null }) }, icon('close')));
}
