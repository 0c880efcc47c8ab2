// The page put together: the address says what is shown, the feed brings it, the views show it.

import * as api from './data/api.js';
import * as session from './data/session.js';
import { forget, learn, times } from './data/counts.js';
import { isOfReading } from './data/events.js';
import { Feed, HELD_MAX } from './data/feed.js';
import { write } from './data/search.js';
import { chart } from './views/chart.js';
import { entry, missing } from './views/entry/entry.js';
import { Find } from './views/find.js';
import { head } from './views/head.js';
import { Overview } from './views/overview/overview.js';
import { REFUSED, band, button, empty, failed, loading, signIn } from './views/states.js';
import { Table } from './views/table.js';
import { Timeline } from './views/timeline.js';
import { h, named, tell } from './ui/dom.js';
import { t } from './ui/lang.js';
import { kept } from './ui/kept.js';
import { ago, clock } from './ui/time.js';
import { listenToKeys } from './keys.js';
import { ofWords } from './views/of.js';
import { href, onChange, state, take } from './state.js';

const LOOK_MS = 3_000;
const AGO_MS = 20_000;
const TOLD_MS = 10_000;
const SHOWS = { timeline: Timeline, table: Table, overview: Overview };

class Page {
  constructor() {
    this.isLive = true;
    this.isDense = kept.read('density') === 'dense';
    this.turnLive = () => this.setLive(!this.isLive);
    this.turnDensity = () => this.setDense(!this.isDense);
    this.turnTheme = () => turnTheme();
    this.leave = () => session.signOut().then(() => this.askToken(null));
    this.find = new Find();
    this.place = { head: h('div', {}), band: h('div', {}), strip: h('section', { class: 'line strip', 'aria-label': t('chart.title') }), list: h('div', { class: 'list' }), end: h('div', {}) };
    this.main = h('main', { class: 'body', id: 'main' }, this.place.list);
    document.getElementById('page').replaceChildren(h('a', { class: 'skip', href: '#main' }, t('head.skip')), h('div', { class: 'margin', 'aria-hidden': 'true' }), this.place.head, this.find.element, this.place.strip, this.place.band, this.main);
    this.nearEnd = new IntersectionObserver((seen) => seen.at(-1).isIntersecting && this.further(), { rootMargin: '1200px 0px' });
    this.nearEnd.observe(this.place.end);
    onChange((before) => this.changed(before));
    setInterval(() => this.look(), LOOK_MS);
    setInterval(() => freshen(), AGO_MS);
    addEventListener('scroll', () => this.fit(), { passive: true });
    addEventListener('resize', () => this.fit());
    addEventListener('popstate', take);
    // A link that is pasted into this very page.
    addEventListener('hashchange', () => location.hash.startsWith('#link=') && location.reload());
    document.addEventListener('click', (event) => follow(event));
    document.addEventListener('visibilitychange', () => this.look());
  }

  /** The address has changed: what concerns it is made anew, the rest stays. */
  changed(before) {
    const isSearch = !before.search || write(before.search).toString() !== write(state.search).toString();
    const isView = before.view !== state.view || before.isUtc !== state.isUtc || String(before.columns) !== String(state.columns);
    if (isSearch) this.open();
    else if (isView) this.showList();
    if (isSearch || isView) {
      this.place.head.replaceChildren(head(this));
      this.find.show();
      this.showStrip();
    }
    if (isSearch || isView || before.entry !== state.entry || before.tab !== state.tab) this.showEntry(before.entry);
  }

  /** A new search: a new feed. */
  open() {
    this.feed?.close();
    const feed = new Feed(state.search, (what, found) => this.feed === feed && this.heard(what, found));
    this.feed = feed;
    this.counted = null;
    this.showList();
    feed.more();
  }

  heard(what, found) {
    if (what === 'failed' && (this.feed.failure ?? this.feed.lost)?.kind === 'signIn') return session.renew() || this.askToken(this.feed.failure ?? this.feed.lost);
    if (what === 'more') {
      refused = null;
      learn(this.feed.events.slice(this.shown));
      if (!this.view) this.showList();
      else this.view.append(this.feed.events.slice(this.shown));
      this.shown = this.feed.events.length;
      this.find.showShare();
      if (this.feed.events.length && this.place.list.contains(this.waiting)) this.waiting.remove();
      if (!this.feed.events.length) this.showList();
    } else if (what === 'newer') this.arrived(found);
    else if (what === 'failed' && !this.feed.events.length) this.showList();
    this.showBand();
    this.showEnd();
    this.showCount();
    return undefined;
  }

  /** The list of the feed as it stands. */
  showList() {
    this.view?.close();
    this.view = null;
    this.shown = this.feed.events.length;
    const title = h('h1', { class: 'unseen' }, t(`view.${state.view}`));
    if (this.feed.failure && !this.feed.events.length) return this.place.list.replaceChildren(title, failed(this.feed.failure, () => this.open()));
    if (state.view !== 'overview' && !this.feed.events.length && this.feed.isWhole) return this.place.list.replaceChildren(title, empty());
    this.view = new SHOWS[state.view]();
    this.waiting = this.feed.events.length || state.view === 'overview' ? h('span', {}) : loading();
    this.view.append(this.feed.events);
    this.place.list.className = `list${this.isDense ? ' is-dense' : ''}`;
    this.place.list.replaceChildren(title, this.waiting, this.view.element, this.place.end);
    this.showEnd();
    return undefined;
  }

  /** Newer events slide in where somebody looks at the top; elsewhere they wait, and nothing moves under the eyes. */
  arrived(found) {
    // To count anew is to read, of which the log tells: what tells of reading alone is no reason for it, or it never ended.
    const isNews = found.some((event) => !isOfReading(event));
    if (isNews) forget();
    const n = this.feed.newer.length;
    learn(this.feed.newer);
    if (scrollY < 80 || state.view === 'overview') this.showNewer();
    const now = Date.now();
    if (!isNews || now - (this.told_at ?? 0) < TOLD_MS) return;
    this.told_at = now;
    tell(t('live.arrived', { n }));
    this.showStrip();
    if (state.view === 'overview') this.view?.load();
  }

  showNewer() {
    if (!this.feed.newer.length) return;
    if (this.feed.isBroken) {
      this.open();
      return;
    }
    const isFirst = !this.feed.events.length;
    const taken = this.feed.take();
    this.shown = this.feed.events.length;
    if (isFirst || !this.view) this.showList();
    else this.view.prepend(taken);
    this.view?.tally(this.feed.isWhole);
    this.showBand();
    this.showCount();
  }

  /** The list may hold less than was counted for the chart, or more. */
  showCount() {
    const { events, isWhole } = this.feed;
    const counted = this.counted?.n ?? 0;
    if (isWhole || events.length >= counted) this.find.count(events.length, isWhole);
    else this.find.count(counted, this.counted.isWhole);
  }

  /** What stands above the list: no connection, or newer events. */
  showBand() {
    document.getElementById('page').classList.toggle('is-lost', Boolean(this.feed.lost ?? this.feed.failure));
    const lost = this.feed.lost ?? (this.feed.events.length ? this.feed.failure : null);
    const time = this.feed.seen_at ? clock(this.feed.seen_at) : '';
    const newest = this.feed.newer.length;
    const again = () => {
      if (this.feed.failure) this.feed.more();
      this.look(true);
    };
    const bands = [
      lost && band(time, h('b', {}, t(`error.${lost.kind ?? 'failed'}.title`)), h('span', {}, t('band.lost', { time })), button(t('error.again'), again)),
      newest > 0 && state.view !== 'overview' && band(`+${newest}`, button(t('band.newer', { n: newest }), () => {
        scrollTo(0, 0);
        this.showNewer();
      }), h('span', { class: 'hint' }, t('band.key'))),
    ];
    this.place.band.replaceChildren(...bands.filter(Boolean));
  }

  showEnd() {
    this.view?.tally(this.feed.isWhole);
    if (state.view === 'overview') return this.place.end.replaceChildren();
    const n = this.feed.events.length;
    const text = this.feed.isFull ? t('end.full', { n: HELD_MAX }) : this.feed.isWhole ? t('end.all', { n }) : t('end.more', { n });
    this.place.end.replaceChildren(h('div', { class: 'line end' }, h('div', {}), h('div', {}, n ? text : '')));
    return undefined;
  }

  further() {
    if (state.view !== 'overview' && this.feed?.events.length && !this.feed.failure) this.feed.more().then(() => this.watchEnd());
  }

  /** An end that never left the window does not come into it again: it is looked at anew. */
  watchEnd() {
    this.nearEnd.unobserve(this.place.end);
    this.nearEnd.observe(this.place.end);
  }

  async showStrip() {
    const { strip } = this.place;
    strip.hidden = state.view === 'overview';
    const asked = state.search;
    const found = await times(asked).catch(() => null);
    if (asked !== state.search || !found) return;
    this.counted = found.of;
    this.showCount();
    const isThere = found.bars.length > 0;
    strip.replaceChildren(h('div', { class: 'hint num' }, isThere ? ofWords(found.of) : ''), isThere ? chart(found, { height: 34 }) : h('div', {}));
  }

  async showEntry(before) {
    const id = state.entry;
    this.view?.mark();
    if (!id || state.view === 'overview') {
      const wasOpen = this.panel;
      this.panel?.remove();
      this.panel = null;
      this.main.classList.remove('is-split');
      this.place.list.inert = false;
      // On a phone the list was out of the page meanwhile, and its place with it.
      if (wasOpen && this.left_at !== null) scrollTo(0, this.left_at);
      this.left_at = null;
      document.title = `${t(`view.${state.view}`)} · Earwitness`;
      if (wasOpen && before) this.view?.link(before)?.focus({ preventScroll: true });
      return;
    }
    const event = this.feed.events.find((one) => one.id === id) ?? (await api.eventText(id).then(JSON.parse, (error) => ({ error })));
    if (state.entry !== id) return;
    this.putPanel(event.error && !event.id ? missing(event.error) : entry(event, (by) => this.move(by), this.beside(event)), id);
    document.title = `${named(event.message?.text ?? t('entry.label'), 120)} · Earwitness`;
  }

  putPanel(panel, id) {
    const isPhone = matchMedia('(max-width: 640px)').matches;
    if (!this.panel) this.left_at = isPhone ? scrollY : null;
    const isSame = this.panel?.dataset.id === id;
    const focused = isSame && this.panel.contains(document.activeElement) ? document.activeElement.id : null;
    const scrolled = isSame ? this.panel.scrollTop : 0;
    panel.dataset.id = id;
    if (this.panel) this.panel.replaceWith(panel);
    else this.main.append(panel);
    this.panel = panel;
    this.main.classList.add('is-split');
    this.place.list.inert = isPhone;
    panel.scrollTop = scrolled;
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    this.fit();
  }

  beside(event) {
    return this.feed.events.filter((other) => other.exchangeId === event.exchangeId && other.id !== event.id);
  }

  /** The neighbour in the list, by the keys j and k or the arrows of the panel. */
  async move(by) {
    const { events } = this.feed;
    const at = events.findIndex((event) => event.id === (state.entry ?? this.focusedId()));
    if (at + by >= events.length && !this.feed.isWhole) await this.feed.more();
    const next = events[at < 0 ? 0 : Math.max(0, Math.min(events.length - 1, at + by))];
    const link = next && this.view?.link(next.id);
    if (!link) return;
    if (state.entry) follow_to(href({ entry: next.id, tab: state.tab }), { push: false });
    const row = link.closest('.row, tr');
    row.scrollIntoView({ block: 'nearest' });
    if (!this.panel?.contains(document.activeElement)) link.focus({ preventScroll: true });
  }

  focusedId() {
    return document.activeElement?.dataset?.entry ?? null;
  }

  current() {
    return this.feed.events.find((event) => event.id === (state.entry ?? this.focusedId())) ?? null;
  }

  /** Keeps up with what is new while somebody looks; browsers give a page few connections, so a hidden one lets go of its own. */
  look(isAsked = false) {
    if (!this.feed || this.isAsking) return;
    this.feed.keep(this.isLive && !document.hidden);
    if (isAsked) this.feed.look();
  }

  setLive(isLive) {
    this.isLive = isLive;
    this.place.head.replaceChildren(head(this));
    tell(t(isLive ? 'live.on' : 'live.off'));
    this.look();
  }

  setDense(isDense) {
    this.isDense = isDense;
    kept.write('density', isDense ? 'dense' : null);
    this.place.head.replaceChildren(head(this));
    this.showList();
  }

  /** The listener wants a token, or does not know the one it got. */
  askToken(error) {
    const wasTried = Boolean(error?.wasTried || (error?.kind === 'signIn' && api.hasToken()));
    const problem = error?.kind === 'busy' ? error.problem : null;
    api.dropToken();
    forget();
    this.isAsking = true;
    this.feed?.close();
    this.view?.close();
    this.view = null;
    this.panel?.remove();
    this.panel = null;
    document.getElementById('page').classList.add('is-out');
    this.place.band.replaceChildren();
    this.showSignIn({ wasTried, problem, refused: REFUSED.find((word) => word === refused) });
    refused = null;
    this.place.head.replaceChildren(head(this));
  }

  /** Where one can sign in is known once the listener has said it. */
  async showSignIn(why) {
    const show = () => {
      this.place.list.replaceChildren(h('h1', { class: 'unseen' }, t('signIn.title')), signIn({ ...why, provider: session.provider() }, (token) => this.enter(token)));
      document.getElementById(session.provider() ? 'sign-in-at' : 'token')?.focus();
    };
    show();
    const before = session.provider();
    await session.learn();
    if (this.isAsking && session.provider() !== before && !document.getElementById('token')?.value) show();
  }

  async enter(token) {
    try {
      await session.signIn(token);
    } catch (error) {
      this.askToken(Object.assign(error, { wasTried: error.kind === 'signIn' }));
      return;
    }
    this.isAsking = false;
    document.getElementById('page').classList.remove('is-out');
    this.place.head.replaceChildren(head(this));
    this.open();
    this.showStrip();
    this.showEntry(null);
  }

  /** The panel is as tall as what is left of the window below the head. */
  fit() {
    if (!this.panel) return;
    const top = Math.max(0, this.main.getBoundingClientRect().top);
    this.panel.style.setProperty('--left', `${innerHeight - top}px`);
  }
}

/** Links of this page change its address without a new load; everything else is the browser's. */
function follow(event) {
  const link = event.target.closest?.('a[data-entry], a[data-go]');
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  follow_to(link.getAttribute('href'), { push: true });
  if (link.dataset.entry) document.querySelector('.entry')?.focus({ preventScroll: true });
  else scrollTo(0, 0);
}

function follow_to(address, { push }) {
  if (push) history.pushState(null, '', address);
  else history.replaceState(null, '', address);
  take();
}

function freshen() {
  for (const element of document.querySelectorAll('[data-time]')) element.textContent = ago(element.dataset.time, Date.now());
}

function turnTheme() {
  const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
  const shown = document.documentElement.dataset.theme ?? (isDark ? 'dark' : 'light');
  const next = shown === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.theme = next;
  kept.write('theme', next);
}

// A link that is good no more is one more way in which signing in comes to nothing.
let refused = session.takeLink() ? 'link' : session.refusal();
const page = new Page();
listenToKeys(page);
take();
session.learn().then((who) => {
  if (who?.name) page.place.head.replaceChildren(head(page));
  page.find.showShare();
});
