// Elements out of plain data, and text made safe to look at.
//
// Nothing in this page parses markup: what comes from an event reaches the document as text nodes and attribute
// values alone, and the page's policy (Trusted Types) refuses every way around that.

import { digitsOf } from './erased.js';
import { t } from './lang.js';

const SVG = 'http://www.w3.org/2000/svg';

/** An element: attributes that are null or false are left out, `on…` are listeners, children may be nested lists. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for drawings. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Controls, invisible characters, overrides of direction and halves of surrogate pairs can make a record read
// differently from what was sent. They are shown by their code.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;

/** Text as a list of nodes in which nothing is hidden. */
export function plain(text) {
  const whole = String(text);
  const nodes = [];
  let end = 0;
  for (const found of whole.matchAll(HIDDEN)) {
    const code = found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
    nodes.push(whole.slice(end, found.index), h('span', { class: 'code-point' }, `U+${code}`));
    end = found.index + found[0].length;
  }
  nodes.push(whole.slice(end));
  return nodes;
}

/** The same as a string, for titles, attributes and announcements. */
export function named(text, length_max = 300) {
  const whole = cut(String(text), length_max);
  return whole.replace(HIDDEN, (hidden) => `U+${hidden.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`);
}

/** A value from the traffic, isolated so that its direction cannot reorder what stands around it. */
export function value(text, length_max = 300) {
  const digits = digitsOf(text);
  if (digits) return h('span', { class: 'erased', title: t('erased.title', { digits }) }, t('erased.word'), ' ', h('span', { class: 'mono' }, digits.slice(0, 4)));
  return h('bdi', {}, plain(cut(String(text), length_max)));
}

/** At most so many characters, with a sign that there were more. */
export function cut(text, length_max) {
  return text.length > length_max ? `${text.slice(0, length_max)}…` : text;
}

/** Says something to those who do not see the page. */
export function tell(sentence) {
  document.getElementById('told').textContent = sentence;
}
