// Times in words. Dates follow the browser's locale; the zone is the page's: UTC or the reader's own.

import { locale, t } from './lang.js';

const formats = new Map();
let zone = 'UTC';

export const zoneIsUtc = () => zone === 'UTC';

export function setZone(isUtc) {
  zone = isUtc ? 'UTC' : undefined;
  formats.clear();
}

/** An event's time in milliseconds; events carry more digits than browsers promise to read. */
export const instant = (text) => Date.parse(String(text).replace(/(\.\d{3})\d+/, '$1'));

export const clock = (text) => format('clock', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }, text);
export const clockShort = (text) => format('hour', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }, text);
export const dayOf = (text) => format('key', { year: 'numeric', month: '2-digit', day: '2-digit' }, text);
export const weekday = (text) => format('weekday', { weekday: 'short' }, text);
export const dayShort = (text) => format('short', { day: 'numeric', month: 'short' }, text);
export const dayLong = (text) => format('long', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' }, text);
export const moment = (text) => format('moment', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }, text);

/** The page's zone by the name that the API knows. */
export const zoneForApi = () => (zoneIsUtc() ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone);

export const zoneName = () => (zoneIsUtc() ? 'UTC' : zoneOffset());
export const exact = (text) => `${dayLong(text)}, ${clock(text)} ${zoneName()}`;

/** “today”, “yesterday”, or how many days ago. */
export function dayAgo(text, now) {
  const days = Math.round((Date.parse(dayIso(now)) - Date.parse(dayIso(text))) / DAY);
  return new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(-days, 'day');
}

/** “2 min ago”; what is later than now by a little is “just now”, since clocks differ. */
export function ago(text, now) {
  const seconds = Math.round((now - instant(text)) / 1000);
  if (Math.abs(seconds) < 45) return t('time.now');
  const [size, unit] = [[60, 'second'], [3600, 'minute'], [86400, 'hour']].find(([limit]) => Math.abs(seconds) < limit) ?? [0, 'day'];
  const unit_s = { second: 1, minute: 60, hour: 3600, day: 86400 }[unit];
  return relative(size).format(-Math.trunc(seconds / unit_s), unit);
}

/** What a `datetime-local` field shows for an instant, and back. */
export function toField(ms) {
  const shifted = zoneIsUtc() ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(shifted).toISOString().slice(0, 16);
}
export const fromField = (text) => Date.parse(zoneIsUtc() ? `${text}Z` : text);

function format(name, options, text) {
  const known = formats.get(name) ?? new Intl.DateTimeFormat(locale, { ...options, timeZone: zone });
  formats.set(name, known);
  const ms = typeof text === 'number' ? text : instant(text);
  return Number.isNaN(ms) ? String(text) : known.format(ms);
}

function relative() {
  const known = formats.get('relative') ?? new Intl.RelativeTimeFormat(locale, { style: 'short' });
  formats.set('relative', known);
  return known;
}

function dayIso(text) {
  return toField(typeof text === 'number' ? text : instant(text)).slice(0, 10);
}

function zoneOffset() {
  const named = new Intl.DateTimeFormat(locale, { timeZoneName: 'short' }).formatToParts(Date.now());
  return named.find((part) => part.type === 'timeZoneName')?.value ?? t('zone.local');
}

const DAY = 86_400_000;
