// The small signs that every view uses: how it ended, of which kind it was, who it was.

import { drawingOf, initials, kindOf, nameOf } from '../data/events.js';
import { h, value } from './dom.js';
import { NO_ADDRESS, digitsOf, erasedIn } from './erased.js';
import { hasIcon, icon } from './icons.js';
import { has, t } from './lang.js';

/** How it ended, in colour, shape and word. */
export function result(outcome) {
  const known = has(`result.${outcome}`) ? outcome : 'unknown';
  return h('span', { class: `result result-${known}` }, icon(known), h('span', {}, t(`result.${known}`)));
}

export function kindMark(event) {
  const kind = kindOf(event);
  const drawing = drawingOf(event);
  return h('span', { class: `glyph kind-${kind}` }, icon(hasIcon(drawing) ? drawing : kind, t(`kind.${kind}`)));
}

/** Initials; their shape says what kind of actor it is. No picture is ever loaded. */
export function avatar(actor) {
  const name = nameOf(actor);
  const shape = !name ? 'nobody' : ['guest', 'attendee', 'app', 'system'].includes(actor.type) ? actor.type : 'user';
  return h('span', { class: `avatar avatar-${shape}`, 'aria-hidden': 'true' }, !name ? '?' : digitsOf(name) ? '–' : initials(name));
}

/** True where the address was erased; where nothing was, the same is an address. */
export const hasNoAddress = (event, address = event.client?.ip) => address === NO_ADDRESS && erasedIn(event) > 0;

/** An address of an event, or that it was erased. */
export const addressShown = (event, address = event.client?.ip) => (hasNoAddress(event, address) ? h('span', { class: 'erased' }, t('erased.word')) : value(address, 60));

export const nameShown = (actor) => (nameOf(actor) ? value(nameOf(actor), 120) : t('who.nobody'));

/** What there is to doubt about an actor, in words; null for nothing. */
export function doubt(actor) {
  return ['claimed', 'ambiguous'].includes(actor?.assurance) ? t(`assurance.short.${actor.assurance}`) : null;
}

/** The sentence: the rule's words lighter, what came from the traffic in full ink. */
export function sentence(event) {
  const pieces = event.message?.parts;
  if (!Array.isArray(pieces) || !pieces.length) return [h('b', {}, value(event.message?.text ?? event.title ?? event.action))];
  const hasValues = pieces.some((piece) => piece.value !== undefined);
  return pieces.map((piece) => (piece.value !== undefined ? value(piece.value) : h('span', { class: hasValues ? 'word' : '' }, value(piece.text ?? ''))));
}

/** The words of a source or an action that a rule pack made: `API_V2` reads better as `API v2`. */
export function source(name) {
  if (!name) return t('source.none');
  const key = `source.${name}`;
  return has(key) ? t(key) : value(name, 60);
}
