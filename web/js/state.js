// What the page shows, read from the address bar and nowhere else: an address can be shared, reloaded and gone back
// to. Opening an entry is a step in the history; filters replace the address.

import { read, write } from './data/search.js';
import { COLUMNS, SHOWN_AT_FIRST } from './data/events.js';
import { kept } from './ui/kept.js';
import { setZone } from './ui/time.js';

export const VIEWS = ['timeline', 'table', 'overview'];
export const TABS = ['changes', 'raw', 'meta', 'proof'];

export const state = {};
const listeners = [];

/** Calls back after each change of the address, with the state before. */
export const onChange = (listener) => listeners.push(listener);

/** The address of the page with these things changed; `search` is a whole search, null leaves a thing out. */
export function href(patch = {}) {
  const next = { ...state, ...patch };
  const parameters = new URLSearchParams();
  if (next.view !== 'timeline') parameters.set('view', next.view);
  for (const [name, value] of write(next.search)) parameters.append(name, value);
  if (next.view === 'table' && !same(next.columns, preferred())) parameters.set('cols', next.columns.join(','));
  if (!next.isUtc) parameters.set('tz', 'local');
  if (next.entry) parameters.set('e', next.entry);
  if (next.entry && next.tab !== 'changes') parameters.set('tab', next.tab);
  const text = parameters.toString();
  return text ? `?${text}` : location.pathname;
}

/** Changes the address, and with it the page. */
export function go(patch, { push = false } = {}) {
  const address = href(patch);
  if (push) history.pushState(null, '', address);
  else history.replaceState(null, '', address);
  take();
}

/** Keeps the columns for this browser. */
export function keepColumns(columns) {
  kept.write('columns', same(columns, SHOWN_AT_FIRST) ? null : JSON.stringify(columns));
  go({ columns });
}

export const isColumn = (name) => COLUMNS.has(name) || /^details\../.test(name);

/** Reads the address; called at the start, and when somebody goes back. */
export function take() {
  const before = { ...state };
  const parameters = new URLSearchParams(location.search);
  state.view = known(VIEWS, parameters.get('view'));
  state.search = read(parameters);
  state.entry = parameters.get('e') || null;
  state.tab = known(TABS, parameters.get('tab'));
  state.isUtc = parameters.get('tz') !== 'local';
  const columns = (parameters.get('cols') ?? '').split(',').filter(isColumn);
  state.columns = columns.length ? [...new Set(columns)] : preferred();
  setZone(state.isUtc);
  for (const listener of listeners) listener(before);
}

function preferred() {
  const own = kept.list('columns').filter((name) => typeof name === 'string' && isColumn(name));
  return own.length ? own : SHOWN_AT_FIRST;
}

const known = (words, word) => (words.includes(word) ? word : words[0]);
const same = (a, b) => a.length === b.length && a.every((one, index) => one === b[index]);
