// All links that are in force: for whom, of what, until when; each with a button that revokes it.

import * as api from '../../data/api.js';
import { h, value } from '../../ui/dom.js';
import { t } from '../../ui/lang.js';
import { refill } from '../../ui/menu.js';
import { ago, exact } from '../../ui/time.js';
import { tool } from '../head.js';

export async function links(box, problem = null) {
  const title = h('h2', {}, t('links.title'));
  try {
    const { data } = await api.links();
    const good = data.filter((link) => link.isGood);
    refill(box, title, good.length ? h('ul', { class: 'links' }, good.map((link) => row(link, box))) : h('p', { class: 'hint' }, t('links.none')),
      problem && h('p', { class: 'hint', role: 'alert' }, problem), h('p', { class: 'hint' }, t('links.hint')));
    box.querySelector('button')?.focus();
  } catch (error) {
    refill(box, title, h('p', { class: 'hint' }, why(error)));
  }
}

function row(link, box) {
  const of = link.grants.map((grant) => grant.replace(/^(target|actor):/, '').replace('/', ' ')).join(', ');
  const facts = [t(`share.short.${link.shows ?? 'records'}`), t('links.by', { who: link.by }), t('links.until', { time: ago(link.expires, Date.now()) }), link.lastUsed ? t('links.used', { day: link.lastUsed }) : t('links.unused'), ...(link.sites ?? [])];
  const revoke = () => api.revokeLink(link.id).then(() => links(box), (error) => links(box, why(error)));
  return h('li', { class: 'saved-row' }, h('div', { class: 'link', title: exact(link.expires) }, h('b', {}, value(link.name, 100)), h('div', { class: 'sub' }, value(of, 120)), h('div', { class: 'sub' }, facts.flatMap((fact, index) => [index > 0 && ' · ', value(fact, 120)]))),
    tool('close', t('links.revoke', { name: link.name }), { onclick: revoke }));
}

const why = (error) => t('error.part', { why: error.problem?.detail ?? t(`error.${error.kind ?? 'failed'}.title`) });
