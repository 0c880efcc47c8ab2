// The record as it is stored, as a tree that folds. It is fetched as text: numbers keep every digit, where the browser
// can tell; what is deep or long is made when somebody opens it.

import * as api from '../../data/api.js';
import { h, value } from '../../ui/dom.js';
import { t } from '../../ui/lang.js';
import { button } from '../states.js';
import { copy, download } from './entry.js';
import { long } from './long.js';

const MEMBERS = 100;
const OPEN_DEPTH = 2;

export function raw(event) {
  const box = h('div', { class: 'json', dir: 'ltr' }, tree(event, null, 0));
  let text = JSON.stringify(event);
  api.eventText(event.id).then((found) => {
    text = found;
    box.replaceChildren(tree(parse(found), null, 0));
  }, () => {
    // The list's own copy stands there already.
  });
  return [h('div', { class: 'buttons' }, button(t('raw.copy'), () => copy(text)), button(t('entry.download'), () => download(event))), box];
}

/** A number as it was written. */
class Digits {
  constructor(text) {
    this.text = text;
  }
}

/** JSON in which no number loses digits, where the browser tells how it was written. */
function parse(text) {
  return JSON.parse(text, (_, found, context) => (typeof found === 'number' && context?.source && String(found) !== context.source ? new Digits(context.source) : found));
}

function tree(found, name, depth) {
  const key = name === null ? null : [h('span', { class: 'key' }, value(JSON.stringify(name), 300)), ': '];
  if (found instanceof Digits) return h('div', { class: 'leaf' }, key, found.text);
  if (found === null || typeof found !== 'object') return h('div', { class: 'leaf' }, key, typeof found === 'string' ? long(JSON.stringify(found)) : String(found));
  const isList = Array.isArray(found);
  const members = isList ? found.map((one) => [null, one]) : Object.entries(found);
  const [opening, closing] = isList ? ['[', ']'] : ['{', '}'];
  if (!members.length) return h('div', { class: 'leaf' }, key, opening, closing);
  return node(members, [key, opening, h('span', { class: 'size num' }, ` ${members.length} `), closing], depth);
}

/** A node fills itself when it is opened first. */
function node(members, summary, depth) {
  const inner = h('div', { class: 'inner' });
  const details = h('details', { open: depth < OPEN_DEPTH, ontoggle: () => details.open && fill() }, h('summary', {}, summary), inner);
  const fill = () => inner.firstChild || more(inner, members, 0, depth);
  if (depth < OPEN_DEPTH) fill();
  return details;
}

function more(inner, members, from, depth) {
  inner.append(...members.slice(from, from + MEMBERS).map(([name, one]) => tree(one, name, depth + 1)));
  const left = members.length - from - MEMBERS;
  if (left <= 0) return;
  const next = button(t('raw.more', { n: left }), () => {
    next.remove();
    more(inner, members, from + MEMBERS, depth);
  });
  inner.append(next);
}
