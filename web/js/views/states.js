// What the page says when there is nothing, not yet anything, or no way to it. Each says the cause and the next step;
// none is a bare spinner.

import { FIELDS, isEmpty, withFilter } from '../data/search.js';
import { h, named, value } from '../ui/dom.js';
import { icon } from '../ui/icons.js';
import { t } from '../ui/lang.js';
import { go, state } from '../state.js';

const button = (text, onclick, isMain = false) => h('button', { type: 'button', class: isMain ? 'button is-small is-main' : 'button is-small', onclick }, text);

export function block(title, lines, ...buttons) {
  return h('div', { class: 'line state' }, h('div', {}), h('div', {}, h('h2', {}, title), lines.filter(Boolean).map((line) => h('p', {}, line)), buttons.filter(Boolean).length ? h('div', { class: 'buttons' }, buttons) : null));
}

/** Five ruled lines; they show after a moment, so that a quick answer does not flicker. */
export function loading() {
  const bar = (name) => h('span', { class: `bone ${name}` });
  return h('ol', { class: 'bones', 'aria-busy': 'true', 'aria-label': t('state.loading') }, Array.from({ length: 5 }, () => h('li', { class: 'row' }, bar('bone-time'), bar('bone-glyph'), bar('bone-sentence'), bar('bone-byline'), bar('bone-result'))));
}

/** Nothing is found, or nothing was ever recorded. */
export function empty() {
  const { search } = state;
  if (isEmpty(search)) return block(t('first.title'), [t('first.text'), t('first.live')]);
  const change = (next) => () => go({ search: next });
  return block(t('empty.title'), [t('empty.text')],
    search.words && button(t('empty.dropWords', { words: search.words }), change({ ...search, words: '' })),
    ...FIELDS.filter((field) => search.filters.has(field)).map((field) => button(t('empty.drop', { field: t(`field.${field}`) }), change(withFilter(search, field, [])))),
    search.about && button(t('empty.drop', { field: t('find.about') }), change({ ...search, about: null })),
    (search.from || search.to) && button(t('empty.allTime'), change({ ...search, from: null, to: null })),
    button(t('empty.all'), change({ words: '', from: null, to: null, filters: new Map() }), true));
}

/** The log could not be read. */
export function failed(error, again) {
  const kind = error.kind ?? 'failed';
  const told = error.problem?.detail;
  const report = error.problem && button(t('error.copy'), () => navigator.clipboard?.writeText(JSON.stringify(error.problem, null, 2)));
  return block(t(`error.${kind}.title`), [told ? value(told, 600) : null, t(`error.${kind}.text`)], button(t('error.again'), again, true), report);
}

/** An answer of this listener without a token that it knows: the page asks for one, or sends people to their provider. */
export function signIn(error, enter) {
  const field = h('input', { type: 'password', id: 'token', autocomplete: 'off', spellcheck: 'false', required: true, 'aria-describedby': 'token-hint' });
  const why = error?.refused ? t(`signIn.refused.${error.refused}`) : error?.wasTried ? t('signIn.wrong') : error?.problem?.detail;
  const wasWrong = why && h('p', { class: 'wrong', role: 'alert' }, icon('failure'), value(why, 300));
  const form = h('form', { class: 'sign-in', onsubmit: (event) => {
    event.preventDefault();
    if (field.value) enter(field.value.trim());
  } }, h('label', { for: 'token' }, t('signIn.token')), field, h('p', { class: 'hint', id: 'token-hint' }, t('signIn.hint')), h('button', { class: error?.provider ? 'button' : 'button is-main' }, t('signIn.enter')));
  const to = new URLSearchParams({ to: location.search.slice(1) });
  const provider = error?.provider && h('p', { class: 'sign-in-at' }, h('a', { class: 'button is-main', id: 'sign-in-at', href: `audit/v1/session/oidc?${to}` }, t('signIn.at', { name: named(error.provider, 60) })));
  return h('div', { class: 'line state' }, h('div', {}), h('div', {}, h('h2', {}, t('signIn.title')), h('p', {}, t(error?.provider ? 'signIn.textAt' : 'signIn.text')), wasWrong, provider, form));
}

/** Why nobody is signed in: words that the listener puts behind `#`, and a link that is good no more. */
export const REFUSED = ['denied', 'lost', 'unreachable', 'unsound', 'nothing', 'busy', 'asleep', 'link'];

/** A line above the list: the connection is lost, or there is news. */
export function band(mark, ...children) {
  return h('div', { class: 'line band' }, h('div', { class: 'num' }, mark), h('div', {}, children));
}

export { button };
