// The head: which view, live or not, which zone, how dense, light or dark, and the rest behind one button.

import * as session from '../data/session.js';
import { h, value } from '../ui/dom.js';
import { brand, icon } from '../ui/icons.js';
import { LANGUAGES, language, t } from '../ui/lang.js';
import { kept } from '../ui/kept.js';
import { opener } from '../ui/menu.js';
import { zoneIsUtc } from '../ui/time.js';
import { VIEWS, go, href, state } from '../state.js';
import { keys, keysAreOn, switchKeys } from './menus/keys.js';
import { links } from './menus/links.js';

/** `page` is what the head acts on: live, density, theme. */
export function head(page) {
  const views = VIEWS.map((view) => h('a', { href: href({ view, entry: null }), 'data-go': '', 'aria-current': state.view === view ? 'page' : null }, t(`view.${view}`)));
  return h('header', { class: 'line head' },
    h('a', { class: 'brand', href: location.pathname, 'data-go': '', 'aria-label': t('head.start') }, brand(), h('span', {}, 'Earwitness')),
    h('div', { class: 'head-main' }, h('nav', { class: 'views', 'aria-label': t('head.views') }, views),
      h('div', { class: 'tools' }, live(page), zone(), density(page), tool('theme', t('head.theme'), { onclick: page.turnTheme, class: 'tool is-wide' }), more(page))));
}

export const tool = (drawing, label, attributes = {}) => h('button', { type: 'button', class: 'tool', title: label, 'aria-label': label, ...attributes }, icon(drawing));

function live(page) {
  return h('button', { type: 'button', class: 'tool live', 'aria-pressed': String(page.isLive), title: t('head.liveHint'), onclick: page.turnLive }, h('span', { class: 'pulse' }), t('head.live'));
}

function zone() {
  const one = (isUtc, text) => h('button', { type: 'button', 'aria-pressed': String(zoneIsUtc() === isUtc), onclick: () => go({ isUtc }) }, text);
  return h('span', { class: 'switch', role: 'group', 'aria-label': t('head.zone') }, one(true, 'UTC'), one(false, t('zone.local')));
}

function density(page) {
  return state.view === 'timeline' && tool('lines', t('head.density'), { 'aria-pressed': String(page.isDense), onclick: page.turnDensity, class: 'tool is-wide' });
}

function more(page) {
  return opener({ class: 'tool', title: t('head.more'), 'aria-label': t('head.more'), width: 300 }, t('head.more'), (close, box) => {
    const choose = (name) => {
      kept.write('language', name);
      location.reload();
    };
    const leave = () => {
      close();
      page.leave();
    };
    const option = (text, onclick, isOn) => h('button', { type: 'button', class: 'option', 'aria-pressed': isOn === undefined ? null : String(isOn), onclick }, text);
    return [
      h('h2', {}, t('head.language')), LANGUAGES.map(([name, text]) => option(text, () => choose(name), name === language)),
      h('h2', {}, t('head.look')), option(t('head.theme'), page.turnTheme), state.view === 'timeline' && option(t('head.density'), page.turnDensity),
      h('h2', {}, t('keys.title')), keys(),
      h('label', { class: 'option' }, h('input', { type: 'checkbox', checked: keysAreOn(), onchange: switchKeys }), t('keys.single')),
      session.mayRevoke() && [h('h2', {}, t('links.title')), option([icon('link'), t('links.open')], () => links(box))],
      session.isSignedIn() && [h('h2', {}, t('head.who')), session.who?.name && h('p', { class: 'hint' }, value(session.who.name, 80), session.who.grants?.length ? [': ', value(session.who.grants.join(', '), 200)] : null), option([icon('leave'), t('head.leave')], leave)],
    ].flat(2);
  }, icon('more'));
}
