// Keys. None while somebody types, none with Ctrl, Alt or Meta, and one switch turns the single ones off.

import { copyLink, download } from './views/entry/entry.js';
import { keysAreOn } from './views/menus/keys.js';
import { close } from './ui/menu.js';
import { go, state } from './state.js';

const GOES = { t: 'timeline', b: 'table', o: 'overview' };

export function listenToKeys(page) {
  let isGoing = false;
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') return escape(event);
    const isTyping = event.target.matches?.('input, textarea, select');
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !keysAreOn()) return undefined;
    const target = isGoing && GOES[event.key];
    isGoing = event.key === 'g';
    if (target) return go({ view: target, entry: null }, { push: true });
    const act = actions(page)[event.key];
    if (!act) return undefined;
    event.preventDefault();
    return act();
  });
}

function actions(page) {
  const current = page.current();
  const press = (selector) => () => document.querySelector(selector)?.click();
  return {
    j: () => page.move(1),
    k: () => page.move(-1),
    '/': () => page.find.focus(),
    '.': () => {
      scrollTo(0, 0);
      page.showNewer();
    },
    p: () => page.turnLive(),
    c: () => current && copyLink(current),
    d: () => current && download(current),
    e: press('.is-export'),
    v: () => page.turnDensity(),
    u: () => go({ isUtc: !state.isUtc }),
    '?': press('.tools > button:last-child'),
  };
}

/** One thing at a time: the menu, then the box, then the entry. */
function escape(event) {
  if (close()) return;
  if (event.target.matches?.('input, textarea, select')) event.target.blur();
  else if (state.entry) go({ entry: null }, { push: true });
}
