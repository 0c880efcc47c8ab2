// Searches that somebody named, with their view and columns.

import { NAME_MAX, forget, save, searches } from '../../data/saved.js';
import { h, value } from '../../ui/dom.js';
import { t } from '../../ui/lang.js';
import { refill } from '../../ui/menu.js';
import { href } from '../../state.js';
import { tool } from '../head.js';

export function saved(close, box) {
  show(close, box);
  return [h('h2', {}, t('saved.title')), h('p', { class: 'hint' }, t('state.counting'))];
}

async function show(close, box, problem = null) {
  let found;
  try {
    found = await searches();
  } catch (error) {
    refill(box, h('h2', {}, t('saved.title')), h('p', { class: 'hint' }, why(error)));
    return;
  }
  refill(box, content(close, box, found, problem));
  box.querySelector('input')?.focus();
}

function content(close, box, { list, isHere }, problem) {
  const change = (changed) => changed.then(() => show(close, box), (error) => show(close, box, error));
  const name = h('input', { class: 'field', id: 'saved-name', maxlength: NAME_MAX, required: true, autocomplete: 'off', 'data-first': '' });
  const keep = (event) => {
    event.preventDefault();
    const query = href({ entry: null }).split('?')[1] ?? '';
    if (name.value.trim()) change(save(name.value.trim(), query, isHere));
  };
  const row = (one) => h('li', { class: 'saved-row' }, h('a', { class: 'option', href: one.query ? `?${one.query}` : location.pathname, 'data-go': '', onclick: () => close() }, h('span', {}, value(one.name, NAME_MAX))),
    tool('close', t('saved.forget', { name: one.name }), { onclick: () => change(forget(one.name, isHere)) }));
  return [h('h2', {}, t('saved.title')), list.length ? h('ul', {}, list.map(row)) : h('p', { class: 'hint' }, t('saved.none')),
    h('form', { class: 'saving', onsubmit: keep }, h('label', { for: 'saved-name' }, t('saved.name')), name, h('button', { class: 'button is-small is-main' }, t('saved.keep'))),
    problem && h('p', { class: 'hint', role: 'alert' }, why(problem)), h('p', { class: 'hint' }, t(isHere ? 'saved.hintHere' : 'saved.hint'))];
}

const why = (error) => t('error.part', { why: error.problem?.detail ?? t(`error.${error.kind ?? 'failed'}.title`) });
