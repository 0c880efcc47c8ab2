// Two strings compared word by word: the longest common run of words, with a ceiling, since a large value must not
// stall the page.

import { h, value } from './dom.js';
import { t } from './lang.js';

const WORDS_MAX = 400;

/** Two lists of nodes: what was, with what went struck out, and what is, with what came marked. */
export function compare(before, after) {
  const [old, now] = [words(before), words(after)];
  if (old.length > WORDS_MAX || now.length > WORDS_MAX) return null;
  const common = table(old, now);
  const sides = { left: [], right: [], gone: '', come: '' };
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    const isSame = i < old.length && j < now.length && old[i] === now[j];
    if (isSame && !isInside(old, now, i, j, sides)) {
      flush(sides);
      sides.left.push(value(old[i], Infinity));
      sides.right.push(value(now[j], Infinity));
      i += 1;
      j += 1;
    } else if (isSame) {
      sides.gone += old[i++];
      sides.come += now[j++];
    } else if (j >= now.length || (i < old.length && common[i + 1][j] >= common[i][j + 1])) sides.gone += old[i++];
    else sides.come += now[j++];
  }
  flush(sides);
  return [sides.left, sides.right];
}

export const removed = (...children) => h('del', {}, h('span', { class: 'unseen' }, t('change.removed'), ' '), children);
export const added = (...children) => h('ins', {}, h('span', { class: 'unseen' }, t('change.added'), ' '), children);

const words = (text) => text.split(/(\s+|[,.;:!?()/]+)/).filter(Boolean);

function table(old, now) {
  const common = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      common[i][j] = old[i] === now[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  return common;
}

/** A space between two changed words belongs to the change: one mark, not two. */
function isInside(old, now, i, j, sides) {
  const isSpace = /^\s+$/.test(old[i]) && (sides.gone || sides.come);
  return Boolean(isSpace) && i + 1 < old.length && j + 1 < now.length && old[i + 1] !== now[j + 1];
}

function flush(sides) {
  mark(sides.left, sides.gone, removed);
  mark(sides.right, sides.come, added);
  sides.gone = sides.come = '';
}

/** Spaces at the ends of a changed run stay outside its mark. */
function mark(nodes, run, marked) {
  const inner = run.trim();
  if (!inner) {
    nodes.push(run);
    return;
  }
  const start = run.indexOf(inner);
  nodes.push(run.slice(0, start), marked(value(inner, Infinity)), run.slice(start + inner.length));
}
