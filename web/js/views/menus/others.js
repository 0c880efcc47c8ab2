// The filters that are wanted less often, one step further away; and two that are words in what rules keep beside: the
// kind of a notification, and to whom it went.

import { sample } from '../../data/counts.js';
import { withDetail } from '../../data/search.js';
import { h, value } from '../../ui/dom.js';
import { icon } from '../../ui/icons.js';
import { number, t } from '../../ui/lang.js';
import { refill } from '../../ui/menu.js';
import { go, state } from '../../state.js';
import { ofWords } from '../of.js';
import { show } from './facet.js';

const FIELDS = ['organization', 'category', 'targetType', 'targetId', 'tag', 'rule', 'ip', 'claimedActor'];
/** By which names rule packs keep these in an event's details. */
const DETAILS = { notification: ['notificationType'], recipient: ['recipientEmail', 'recipient'] };
const SHOWN_MAX = 100;

export function others(close, box) {
  const step = (name, isOn, open) => h('button', { type: 'button', class: 'option', 'aria-pressed': isOn ? 'true' : null, onclick: open }, h('span', {}, t(`field.${name}`)), h('span', { class: 'count' }, icon('down')));
  return [h('h2', {}, t('find.more')),
    ...FIELDS.map((field) => step(field, state.search.filters.has(field), () => show(field, box))),
    ...Object.keys(DETAILS).map((name) => step(name, false, () => showDetail(name, box, close)))];
}

async function showDetail(name, box, close) {
  const title = h('h2', {}, t(`field.${name}`));
  try {
    const { events, of } = await sample(state.search);
    const counts = new Map();
    for (const event of events) {
      const member = DETAILS[name].find((one) => typeof event.details?.[one] === 'string');
      if (member) counts.set(event.details[member], (counts.get(event.details[member]) ?? 0) + 1);
    }
    const choose = (text) => () => {
      close();
      go({ search: withDetail(state.search, text), entry: null }, { push: true });
    };
    const rows = [...counts].sort((a, b) => b[1] - a[1]).slice(0, SHOWN_MAX);
    refill(box, title, h('ul', {}, rows.map(([text, n]) => h('li', {}, h('button', { type: 'button', class: 'option', onclick: choose(text) }, h('span', {}, value(text, 80)), h('span', { class: 'count num' }, number(n)))))),
      !rows.length && h('p', { class: 'hint' }, t('facet.none')), h('p', { class: 'hint num' }, ofWords(of)));
    box.querySelector('button')?.focus();
  } catch (error) {
    refill(box, title, h('p', { class: 'hint' }, t('error.part', { why: error.problem?.detail ?? t(`error.${error.kind ?? 'failed'}.title`) })));
  }
}
