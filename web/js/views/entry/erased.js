// That values of an entry were erased, when, and by whom: the entry itself says how many, and the log has told the rest before it happened.

import * as api from '../../data/api.js';
import { h, value } from '../../ui/dom.js';
import { erasedIn } from '../../ui/erased.js';
import { icon } from '../../ui/icons.js';
import { parts, t } from '../../ui/lang.js';
import { exact } from '../../ui/time.js';
import { href } from '../../state.js';

const TOLD_MAX = 200;

/** Null for an entry that has all of its values. */
export function erased(event) {
  const n = erasedIn(event);
  if (!n) return null;
  const why = h('div', { class: 'sub' });
  told(event).then((found) => found && why.replaceChildren(...parts('erased.told', { time: exact(found.time), who: value(found.details.confirmedBy ?? t('who.nobody'), 80) }), ' ', h('a', { href: href({ entry: found.id, tab: 'changes' }), 'data-entry': found.id }, t('erased.open'))), () => {});
  return h('div', { class: 'erasure', role: 'note' }, icon('note'), h('div', {}, t('erased.entry', { n }), why));
}

/** The event that told of it: it names the entry, and stands behind it. */
async function told(event) {
  const { events } = await api.events([['action', 'VALUES_ERASED'], ['source', 'EARWITNESS']], { limit: TOLD_MAX });
  return events.find((one) => (one.details?.events ?? []).some(([sequence]) => sequence === event.sequence));
}
