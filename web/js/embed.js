// The timeline of one thing inside a page of another site. A link's token comes behind `#` and is held in memory alone: no cookie,
// which browsers keep from frames, and no storage. It shows what happened, and has no way to anything else. In whose frame the page
// stands, the browser has checked for the link that its address names: another link is not shown in it.

import * as api from './data/api.js';
import { Feed } from './data/feed.js';
import * as session from './data/session.js';
import { button, block, failed, loading } from './views/states.js';
import { Timeline } from './views/timeline.js';
import { h, named as text, tell } from './ui/dom.js';
import { t } from './ui/lang.js';
import { sentence } from './ui/marks.js';
import { ago } from './ui/time.js';
import { state, take } from './state.js';

const LOOK_MS = 3_000;
const AGO_MS = 20_000;

class Embedded {
  constructor() {
    this.list = h('div', { class: 'list' });
    this.end = h('div', { class: 'line end' });
    this.main = h('main', { class: 'body' }, h('h1', { class: 'unseen' }, t('view.timeline')), this.list, this.end);
    document.getElementById('page').replaceChildren(h('div', { class: 'margin', 'aria-hidden': 'true' }), this.main);
    setInterval(() => this.feed?.keep(!document.hidden), LOOK_MS);
    setInterval(() => {
      for (const element of document.querySelectorAll('[data-time]')) element.textContent = ago(element.dataset.time, Date.now());
    }, AGO_MS);
  }

  open() {
    this.feed?.close();
    const feed = new Feed(state.search, (what) => this.feed === feed && this.heard(what));
    this.feed = feed;
    this.view?.close();
    this.view = new Timeline(said);
    this.shown = 0;
    this.list.replaceChildren(loading());
    feed.more();
  }

  heard(what) {
    const { events, newer, failure, isWhole } = this.feed;
    if (what === 'failed' && failure && !events.length) this.say(failure);
    if (what === 'newer') this.arrived(newer.length);
    if (what === 'more') {
      this.view.append(events.slice(this.shown));
      this.shown = events.length;
      this.list.replaceChildren(events.length ? this.view.element : block(t('embed.empty'), []));
    }
    this.view.tally(isWhole);
    const further = events.length && !isWhole && !this.feed.isFull;
    this.end.replaceChildren(h('div', {}), h('div', {}, further ? button(t('embed.older'), () => this.feed.more()) : null));
  }

  arrived(n) {
    if (this.feed.isBroken) return this.open();
    const isFirst = !this.feed.events.length;
    this.view.prepend(this.feed.take());
    this.shown = this.feed.events.length;
    if (isFirst) this.list.replaceChildren(this.view.element);
    return tell(t('live.arrived', { n }));
  }

  /** A link that is good no more is nothing that trying again would mend. */
  say(error) {
    const isOver = error.kind === 'signIn';
    this.list.replaceChildren(isOver ? block(t('signIn.refused.link'), []) : failed(error, () => this.open()));
  }
}

/** What happened, as text: there is nothing behind it here. */
const said = (event) => h('span', { class: 'sentence', title: text(event.message?.text ?? event.title), dir: 'auto' }, sentence(event));

api.holdToken(new URLSearchParams(location.hash.slice(1)).get('link') ?? '');
const named = new URLSearchParams(location.search).get('link');
take();
const page = new Embedded();
const who = await session.learn();
if (who?.isSignedIn && who.id !== named) page.say({ kind: 'signIn' });
else page.open();
// Another link in the same frame.
addEventListener('hashchange', () => location.reload());
