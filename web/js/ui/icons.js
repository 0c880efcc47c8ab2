// Every drawing of the page: one grid of 16 units, one line. Names are words of the page, never of an event.

import { s } from './dom.js';

const LEAF = 'M2.5 4.6c0-.6.5-1.1 1.1-1.1h8.8c.6 0 1.1.5 1.1 1.1v7.8c0 .6-.5 1.1-1.1 1.1H3.6c-.6 0-1.1-.5-1.1-1.1zM2.5 6.6h11M5.4 2v2.4M10.6 2v2.4';
const PERSON = 'M6.5 8a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2zM2 13.4c.3-2.4 2-3.9 4.5-3.9s4.2 1.5 4.5 3.9';
const DOOR = 'M9 2.5h3.4c.6 0 1.1.5 1.1 1.1v8.8c0 .6-.5 1.1-1.1 1.1H9';
const SHEET = 'M4 2.5h5.6l2.9 2.9v8.1H4zM9.4 2.6v3h3';

const PATHS = {
  'booking': `${LEAF}M5.4 9.2h5.2M5.4 11.3h3`,
  'booking-create': `${LEAF}M8 8.3v3.6M6.2 10.1h3.6`,
  'booking-delete': `${LEAF}M6.5 8.6l3 3M9.5 8.6l-3 3`,
  'booking-move': `${LEAF}M5.3 10.1h5.2M8.7 8.3l1.8 1.8-1.8 1.8`,
  'booking-accept': `${LEAF}M5.7 10l1.6 1.6 3-3.2`,
  'booking-people': `${PERSON}M12.6 4.2v4M10.6 6.2h4`,
  'booking-place': 'M8 14c-2.9-3-4.3-5.3-4.3-7.3a4.3 4.3 0 0 1 8.6 0C12.3 8.7 10.9 11 8 14zM8 8.1a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3z',
  'calendar': `${LEAF}M5.3 9h.1M8 9h.1M10.7 9h.1M5.3 11.3h.1M8 11.3h.1`,
  'calendar-look': 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3l3.3 3.3M7 4.9V7l1.5 1',
  'calendar-bell': 'M3 11.5c1-1 1.3-2.3 1.3-4.4a3.7 3.7 0 0 1 7.4 0c0 2.1.3 3.4 1.3 4.4zM6.7 13.6h2.6',
  'access': `${PERSON}M11 5.6l1.7-1.8 1.7 1.8M11 8.6l1.7-1.8 1.7 1.8`,
  'access-share': 'M4 9.9A1.9 1.9 0 1 0 4 6a1.9 1.9 0 0 0 0 3.9zM11.8 5.8a1.9 1.9 0 1 0 0-3.8 1.9 1.9 0 0 0 0 3.8zM11.8 14a1.9 1.9 0 1 0 0-3.8 1.9 1.9 0 0 0 0 3.8zM5.7 7.1l4.4-2.3M5.7 8.9l4.4 2.3',
  'signin': `${DOOR}M2.5 8h7M7 5.5 9.5 8 7 10.5`,
  'signin-out': `${DOOR}M9.5 8h-7M5 5.5 2.5 8 5 10.5`,
  'signin-fail': `${DOOR}M2.6 5.8 7 10.2M7 5.8l-4.4 4.4`,
  'signin-mask': 'M2 4.7c2.2-.9 4.2-.8 6 .2 1.8-1 3.8-1.1 6-.2.2 4.2-1.3 6.8-3.5 6.8-1.4 0-1.8-1.4-2.5-1.4s-1.1 1.4-2.5 1.4C3.3 11.5 1.8 8.9 2 4.7zM4.7 7.4h1.8M9.5 7.4h1.8',
  'signin-lock': 'M4.2 7.2h7.6c.4 0 .8.4.8.8v4.7c0 .4-.4.8-.8.8H4.2a.8.8 0 0 1-.8-.8V8c0-.4.4-.8.8-.8zM5.3 7.2V5.1a2.7 2.7 0 0 1 5.4 0v2.1',
  'settings': 'M2.5 4.5h6M12.3 4.5h1.2M10.4 6.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4zM2.5 11.5h1.2M7.5 11.5h6M5.6 13.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4z',
  'settings-key': 'M5 13.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM6.8 9.2l6-6M10 6l2 2',
  'settings-flow': 'M2.5 3h4v3.5h-4zM9.5 9.5h4V13h-4zM4.5 6.5v3c0 .9.8 1.7 1.7 1.7h3.3',
  'record': 'M2.5 4l1 1 1.7-2M2.5 8.5l1 1 1.7-2M7.5 4h6M7.5 8.5h6M2.8 12.7h.1M7.5 12.7h6',
  'record-unseen': 'M2 8s2.2-4 6-4c.9 0 1.7.2 2.5.6M14 8s-2.2 4-6 4c-.9 0-1.7-.2-2.5-.6M3 13 13 3',
  'record-seal': 'M8 9.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM6.4 6l1.1 1.1 2-2.1M5.9 8.8 5 14l3-1.6 3 1.6-.9-5.2',
  'other': `${SHEET}M6 8.5h4.5M6 10.9h4.5`,
  'other-create': `${SHEET}M8.2 7.6v4M6.2 9.6h4`,
  'other-delete': `${SHEET}M6.7 8l3 3M9.7 8l-3 3`,
  'success': 'M3.5 8.5l3 3 6-7',
  'failure': 'M4.2 4.2l7.6 7.6M11.8 4.2l-7.6 7.6',
  'denied': 'M8 13.2A5.2 5.2 0 1 0 8 2.8a5.2 5.2 0 0 0 0 10.4zM4.4 11.6l7.2-7.2',
  'unknown': 'M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8M8 12.6h.1',
  'search': 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3l3.4 3.4',
  'down': 'M4.5 6.5 8 10l3.5-3.5',
  'up': 'M4.5 9.5 8 6l3.5 3.5',
  'close': 'M4 4l8 8M12 4l-8 8',
  'copy': 'M5.5 5.5H13v8H5.5zM3 10.5v-8h7.5',
  'link': 'M6.8 9.2a2.6 2.6 0 0 0 3.7 0L12.7 7A2.6 2.6 0 1 0 9 3.3l-.8.8M9.2 6.8a2.6 2.6 0 0 0-3.7 0L3.3 9A2.6 2.6 0 1 0 7 12.7l.8-.8',
  'download': 'M8 2.5v8M4.7 7.3 8 10.6l3.3-3.3M3 13.5h10',
  'columns': 'M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10',
  'lines': 'M2.5 3.5h11M2.5 6.5h11M2.5 9.5h11M2.5 12.5h11',
  'theme': 'M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM8 2.5v11M10.2 3.2v9.6M12 4.7v6.6',
  'clock': 'M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM8 4.8V8l2.2 1.5',
  'note': 'M8 2.6 14 13H2zM8 6.5v3M8 11.3h.1',
  'record-break': 'M2 8h2.6l1.4-3M10 11l1.4-3H14M7 11.5l2-7',
  'more': 'M3 8a.5.5 0 1 0 1 0 .5.5 0 0 0-1 0zM7.5 8a.5.5 0 1 0 1 0 .5.5 0 0 0-1 0zM12 8a.5.5 0 1 0 1 0 .5.5 0 0 0-1 0z',
  'leave': `${DOOR}M9.5 8h-7M5 5.5 2.5 8 5 10.5`,
  'language': 'M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM2.6 8h10.8M8 2.5c3.6 3.4 3.6 7.6 0 11M8 2.5c-3.6 3.4-3.6 7.6 0 11',
};

/** A drawing; with a label it is told to everybody, without one it is decoration. */
export function icon(name, label) {
  const role = label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': 'true' };
  return s('svg', { class: 'icon', viewBox: '0 0 16 16', ...role }, s('path', { d: PATHS[name] }));
}

/** True when there is such a drawing. */
export const hasIcon = (name) => Object.hasOwn(PATHS, name);

/** The ear. */
export function brand() {
  const outer = 'M6.8 15.5V9.2a5.2 5.2 0 0 1 10.3.3c0 3.7-3.5 4-3.5 7.1a3.2 3.2 0 0 1-5.7 2';
  const inner = 'M9.9 10.6V9.4a2.1 2.1 0 0 1 4.1 0c0 1.4-1.4 1.7-1.4 3.3';
  return s('svg', { class: 'icon', viewBox: '0 0 22 22', 'aria-hidden': 'true' }, s('path', { d: outer }), s('path', { d: inner }));
}
