// A link for somebody who has no account: of the one thing or person that is looked at, for a time. Its address is told once.

import * as api from '../../data/api.js';
import { actorId } from '../../data/counts.js';
import * as session from '../../data/session.js';
import { h, value } from '../../ui/dom.js';
import { parts, t } from '../../ui/lang.js';
import { refill } from '../../ui/menu.js';
import { exact } from '../../ui/time.js';
import { state } from '../../state.js';
import { copy } from '../entry/entry.js';

const TIMES = ['1d', '7d', '30d', '90d'];
const NAME_MAX = 100;

/** What of this search a link can show: `[parameter, value]`; null where it is of more than one thing or person, or not for this reader. */
export function shareable() {
  const { about, filters, words } = state.search;
  if (!session.mayShare() || words) return null;
  if (about) return filters.size ? null : ['target', about.replace(':', '/')];
  const [name, values] = [...filters][0] ?? [];
  const id = filters.size === 1 && name === 'actor' && values.length === 1 ? actorId(values[0]) : null;
  return id ? ['actor', id] : null;
}

export function share(close, box) {
  const shown = shareable();
  if (!shown) return [h('h2', {}, t('share.title'))];
  // Which sites may have frames, the listener says; without it there are none to choose.
  api.links().then(({ sites }) => sites?.length && refill(box, asking(shown, sites, box)), () => {});
  return asking(shown, [], box);
}

function asking([kind, what], sites, box, problem = null) {
  const name = h('input', { class: 'field', id: 'share-name', name: 'name', maxlength: NAME_MAX, autocomplete: 'off', 'data-first': '' });
  const times = h('select', { class: 'field', id: 'share-for', name: 'for' }, TIMES.map((time) => h('option', { value: time, selected: time === '7d' }, t(`share.for.${time}`))));
  const radio = (one) => h('label', { class: 'option' }, h('input', { type: 'radio', name: 'shows', value: one, checked: one === 'sentences' }), h('span', {}, t(`share.${one}`)));
  const site = (one) => h('label', { class: 'option' }, h('input', { type: 'checkbox', name: 'site', value: one, onchange: () => framed() }), h('span', {}, value(one, 80)));
  const form = h('form', { class: 'share' }, h('h2', {}, t('share.title')), h('p', { class: 'hint' }, parts(`share.of.${kind}`, { what: value(what.replace('/', ' '), 80) })),
    h('div', { class: 'saving' }, h('label', { for: 'share-name' }, t('share.name')), name, h('label', { for: 'share-for' }, t('share.for')), times),
    h('fieldset', {}, h('legend', {}, t('share.shows')), ['sentences', 'records'].map(radio)),
    sites.length > 0 && h('fieldset', {}, h('legend', {}, t('share.sites')), sites.map(site)),
    problem && h('p', { class: 'hint', role: 'alert' }, problem), h('div', { class: 'foot' }, h('button', { class: 'button is-small is-main' }, t('share.make'))));
  // Whoever sees a page sees what stands in its frames.
  const framed = () => {
    const isFramed = form.querySelector('[name=site]:checked') !== null;
    form.querySelector('[value=records]').disabled = isFramed;
    if (isFramed) form.querySelector('[value=sentences]').checked = true;
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const asked = new URLSearchParams([[kind, what], ...new FormData(form)].filter(([, one]) => one !== ''));
    api.makeLink(asked).then((made) => refill(box, told(made)), (error) => refill(box, asking([kind, what], sites, box, t('error.part', { why: error.problem?.detail ?? t(`error.${error.kind ?? 'failed'}.title`) }))));
  });
  return form;
}

/** The one time that it is told. */
function told(made) {
  const address = new URL(made.address, location.href).href;
  const field = (id, label, text) => [h('label', { for: id }, label), h('input', { class: 'field mono', id, readonly: true, value: text, onfocus: (event) => event.target.select() }), h('button', { type: 'button', class: 'button is-small', onclick: () => copy(text) }, t('share.copy'))];
  const frame = made.embed && `<iframe title="" src="${new URL(made.embed, location.href).href}" width="100%" height="480" referrerpolicy="no-referrer"></iframe>`;
  return [h('h2', {}, t('share.made')), h('p', { class: 'hint', role: 'status' }, t('share.until', { time: exact(made.expires) })),
    h('div', { class: 'saving' }, field('share-address', t('share.address'), address), frame && field('share-frame', t('share.frame'), frame)), h('p', { class: 'hint' }, t('share.hint'))];
}
