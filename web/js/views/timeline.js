// The timeline: days of sentences, newest first. The margin says when, the page says what.

import { isGap, nameOf } from '../data/events.js';
import { Chunks, pieces } from '../ui/chunks.js';
import { h, named, value } from '../ui/dom.js';
import { icon } from '../ui/icons.js';
import { number, t } from '../ui/lang.js';
import { avatar, doubt, kindMark, nameShown, result, sentence, source } from '../ui/marks.js';
import { ago, clock, dayAgo, dayLong, dayOf, dayShort, exact, weekday } from '../ui/time.js';
import { href, state } from '../state.js';

export class Timeline {
  /** `said` makes of an event what its row says: a link to the entry, where nothing else is wanted. */
  constructor(said = linked) {
    this.element = h('div', { class: 'days' });
    this.days = new Map();
    this.sections = new Map();
    this.chunks = new Chunks((events) => rows(events, said), (element, height) => (element.style.height = height === null ? '' : `${height}px`));
  }

  /** Adds what is older. */
  append(events) {
    for (const group of byDay(events)) {
      const day = this.day(group[0], 'append');
      this.fill(day, group, (list) => day.section.append(list));
    }
  }

  /** Adds what is newer; the rows slide in. */
  prepend(events) {
    for (const group of byDay(events).reverse()) {
      const day = this.day(group[0], 'prepend');
      for (const event of group) event.isFresh = true;
      this.fill(day, group, (list) => day.head.after(list));
      for (const event of group) delete event.isFresh;
    }
  }

  /** Says how many events each day has; the last is not known whole before the list is, or another follows. */
  tally(isWhole) {
    const days = [...this.element.children].map((section) => this.sections.get(section));
    days.forEach((day, index) => tally(day, isWhole || index < days.length - 1));
  }

  fill(day, events, insert) {
    count(day, events);
    const lists = pieces(events);
    // In front, the last piece goes in first.
    if (events[0].isFresh) lists.reverse();
    for (const piece of lists) {
      const list = h('ol', {});
      insert(list);
      this.chunks.add(list, piece);
    }
  }

  day(event, where) {
    const key = dayOf(event.time);
    const known = this.days.get(key);
    if (known) return known;
    const day = newDay(event);
    this.days.set(key, day);
    this.sections.set(day.section, day);
    this.element[where](day.section);
    return day;
  }

  /** The link of an event's row, made if it was emptied. */
  link(id) {
    const list = this.chunks.filled(id);
    return list && [...list.children].find((row) => row.dataset.id === id)?.querySelector('a');
  }

  mark() {
    for (const row of this.element.querySelectorAll('.row')) {
      if (row.dataset.id === state.entry) row.setAttribute('aria-current', 'true');
      else row.removeAttribute('aria-current');
    }
  }

  close() {
    this.chunks.close();
  }
}

function newDay(event) {
  const line = h('p', {});
  const head = h('div', { class: 'line day' },
    h('h2', {}, h('span', {}, weekday(event.time), ' '), dayShort(event.time)),
    line);
  const day = { head, line, counts: { all: 0, failure: 0, denied: 0, unknown: 0 }, ago: dayAgo(event.time, Date.now()) };
  day.section = h('section', { 'aria-label': dayLong(event.time) }, head);
  return day;
}

function count(day, events) {
  for (const event of events) {
    day.counts.all += 1;
    if (event.result !== 'success' && Object.hasOwn(day.counts, event.result)) day.counts[event.result] += 1;
  }
}

function tally(day, isWhole) {
  const bits = ['failure', 'denied', 'unknown'].filter((name) => day.counts[name]);
  day.line.replaceChildren(
    h('span', {}, day.ago), h('span', { class: 'num' }, t(isWhole ? 'count.shown' : 'count.soFar', { n: day.counts.all })),
    ...bits.map((name) => h('span', { class: `num result-${name}` }, t(`count.${name}`, { n: day.counts[name] }))));
}

function byDay(events) {
  const groups = [];
  for (const event of events) {
    const group = groups.at(-1);
    if (group && dayOf(group[0].time) === dayOf(event.time)) group.push(event);
    else groups.push([event]);
  }
  return groups;
}

function rows(events, said) {
  return events.map((event, index) => row(event, events[index - 1], events[index + 1], said));
}

function linked(event) {
  return h('a', { class: 'sentence', href: href({ entry: event.id, tab: 'changes' }), 'data-entry': event.id, title: named(event.message?.text ?? event.title), dir: 'auto' }, sentence(event));
}

/** One event. The line between the glyphs joins what one request did. */
function row(event, above, below, said) {
  const isJoined = (other) => other && other.exchangeId === event.exchangeId;
  const classes = ['row', event.result === 'success' && 'is-success', isGap(event) && 'is-gap', event.isFresh && 'is-fresh', isJoined(above) && 'is-joined', isJoined(below) && 'is-joining'];
  return h('li', { class: classes.filter(Boolean).join(' '), 'data-id': event.id, 'aria-current': state.entry === event.id ? 'true' : null },
    h('time', { class: 'when num', datetime: event.time, title: `${exact(event.time)}\n${event.time}` }, clock(event.time)),
    h('span', { class: 'ago', 'data-time': event.time, title: `${exact(event.time)}\n${event.time}` }, ago(event.time, Date.now())),
    kindMark(event),
    said(event),
    byline(event),
    result(event.result),
    h('span', { class: 'source' }, source(event.source)),
    event.sequence === undefined ? null : h('span', { class: 'number num', title: t('entry.number', { n: event.sequence }) }, number(event.sequence)));
}

function byline(event) {
  const unsure = doubt(event.actor);
  const notes = event.notes?.length || event.match?.certainty === 'doubtful';
  return h('span', { class: 'byline' },
    avatar(event.actor), h('span', { class: 'who' }, nameShown(event.actor)),
    unsure && h('span', { class: 'unsure' }, unsure),
    event.actor?.role && h('span', { class: 'role' }, value(event.actor.role, 60)),
    event.onBehalfOf && h('span', { class: 'behalf' }, icon('signin-mask'), h('span', {}, t('who.as'), ' ', nameShown(event.onBehalfOf))),
    target(event.target),
    notes && h('span', { class: 'noted', title: t('entry.noted') }, icon('note', t('entry.noted'))));
}

function target(thing) {
  const name = thing?.name ?? thing?.id;
  if (!name) return null;
  return [h('span', { class: 'slash', 'aria-hidden': 'true' }, '/'),
    h('span', { class: 'target' }, value(thing.type, 40), ' ', thing.name && value(thing.name, 120)),
    thing.id && thing.id !== nameOf(thing) ? h('span', { class: 'mono id' }, value(thing.id, 60)) : !thing.name && h('span', { class: 'mono id' }, value(thing.id, 60))];
}
