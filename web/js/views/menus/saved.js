// Searches that somebody named. They are kept in this browser alone, as addresses.

import { h, value } from '../../ui/dom.js';
import { t } from '../../ui/lang.js';
import { kept } from '../../ui/kept.js';
import { refill } from '../../ui/menu.js';
import { href } from '../../state.js';
import { tool } from '../head.js';

const SAVED_MAX = 50;
const NAME_MAX = 80;

export function saved(close, box) {
  const list = read();
  const again = (next) => {
    kept.write('saved', JSON.stringify(next));
    refill(box, saved(close, box));
    box.querySelector('input')?.focus();
  };
  const name = h('input', { class: 'field', id: 'saved-name', maxlength: NAME_MAX, required: true, autocomplete: 'off', 'data-first': '' });
  const keep = (event) => {
    event.preventDefault();
    if (name.value.trim()) again([{ name: name.value.trim(), address: href({ entry: null }) }, ...list.filter((one) => one.name !== name.value.trim())].slice(0, SAVED_MAX));
  };
  const row = (one) => h('li', { class: 'saved-row' }, h('a', { class: 'option', href: one.address, 'data-go': '', onclick: () => close() }, value(one.name, NAME_MAX)),
    tool('close', t('saved.forget', { name: one.name }), { onclick: () => again(list.filter((other) => other !== one)) }));
  return [h('h2', {}, t('saved.title')), list.length ? h('ul', {}, list.map(row)) : h('p', { class: 'hint' }, t('saved.none')),
    h('form', { class: 'saving', onsubmit: keep }, h('label', { for: 'saved-name' }, t('saved.name')), name, h('button', { class: 'button is-small is-main' }, t('saved.keep'))), h('p', { class: 'hint' }, t('saved.hint'))];
}

/** An address here begins with `?` or is the page's own: nothing else is ever followed. */
function read() {
  const isOurs = (one) => typeof one?.name === 'string' && typeof one.address === 'string' && (one.address.startsWith('?') || one.address === location.pathname);
  return kept.list('saved').filter(isOurs).slice(0, SAVED_MAX);
}
