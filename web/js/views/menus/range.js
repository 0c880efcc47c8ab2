// The span of time: presets that move with the clock, or two moments in the zone of the page.

import { h } from '../../ui/dom.js';
import { t } from '../../ui/lang.js';
import { fromField, instant, moment, toField, zoneName } from '../../ui/time.js';
import { go, state } from '../../state.js';

const PRESETS = ['-1h', '-24h', '-7d', '-30d', '-90d'];

/** What the button says. */
export function rangeName() {
  const { from, to } = state.search;
  if (!from && !to) return t('range.all');
  if (/^-\d+[hd]$/.test(from ?? '') && !to) return PRESETS.includes(from) ? t(`range.${from}`) : t('range.last', { span: from.slice(1) });
  const end = (text, none) => (text ? moment(dated(text)) : t(none));
  return t('range.between', { from: end(from, 'range.start'), to: end(to, 'range.now') });
}

export function range(close) {
  const choose = (from, to = null) => {
    close();
    go({ search: { ...state.search, from, to }, entry: null });
  };
  const isOn = (from) => state.search.from === from && !state.search.to;
  const preset = (from, text) => h('button', { type: 'button', class: 'option', 'aria-pressed': String(isOn(from)), onclick: () => choose(from) }, text);
  const field = (name, text) => h('input', { type: 'datetime-local', class: 'field', id: `range-${name}`, value: text && !text.startsWith('-') ? toField(instant(dated(text))) : '' });
  const [first, last] = [field('from', state.search.from), field('to', state.search.to)];
  const apply = (event) => {
    event.preventDefault();
    const time = (input) => (input.value ? new Date(fromField(input.value)).toISOString() : null);
    choose(time(first), time(last));
  };
  return [h('h2', {}, t('range.title')), preset(null, t('range.all')), PRESETS.map((one) => preset(one, t(`range.${one}`))),
    h('form', { class: 'range', onsubmit: apply }, h('label', { for: 'range-from' }, t('range.from')), first, h('label', { for: 'range-to' }, t('range.to')), last,
      h('p', { class: 'hint' }, t('range.zone', { zone: zoneName() })), h('button', { class: 'button is-small is-main' }, t('range.apply')))].flat();
}

/** A bare day is its first moment in UTC, as the API takes it. */
const dated = (text) => (/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
