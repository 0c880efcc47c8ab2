// A long value: its beginning, its true size, and more of it when somebody asks. A megabyte never stands in the page
// by itself.

import { h, value } from '../../ui/dom.js';
import { t } from '../../ui/lang.js';
import { button } from '../states.js';
import { copy } from './entry.js';

const FIRST = 420;
const MORE = 4_000;

export function long(text, wrap = (shown) => shown) {
  const whole = String(text);
  if (whole.length <= FIRST) return wrap(value(whole, Infinity));
  const box = h('div', { class: 'long' });
  const show = (length) => {
    const isAll = length >= whole.length;
    const shown = isAll ? whole : `${whole.slice(0, length)}…`;
    box.replaceChildren(wrap(value(shown, Infinity)), h('div', { class: 'long-more' },
      h('span', { class: 'num' }, t('long.shown', { shown: Math.min(length, whole.length), n: whole.length })),
      !isAll && button(t('long.more', { n: MORE }), () => show(length + MORE)), button(t('long.copy'), () => copy(whole))));
  };
  show(FIRST);
  return box;
}
