// An export is made here from pages of the API: the whole search, not what is loaded, with no limit on rows. Pages
// become pieces of a file one by one, so that the page's own memory stays small. A part of an export is never handed
// out as one: it ends with a line that says what it holds, or it does not exist.

import * as api from './api.js';
import { ask } from './search.js';
import { cell } from './events.js';

const PAGE = 500;
const TRIES_MAX = 5;

// Spreadsheets take a cell that begins with one of these for a formula; some split cells at other signs than ours
// first, so that it counts after those, too.
const FORMULA = /(^|[;,\t\r\n|])([\s"'\u200b\ufeff]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r])/g;

/** A cell of a CSV file (RFC 4180): always quoted, and never a formula. */
export function csvCell(text) {
  const harmless = String(text).replace(/\0/g, '').replace(FORMULA, "$1$2'");
  return `"${harmless.replace(/"/g, '""')}"`;
}

export const csvLine = (cells, separator) => `${cells.map(csvCell).join(separator)}\r\n`;

/** The elements of `data` in a page, as they were written: numbers keep every digit. */
export function elements(text) {
  const found = [];
  const opening = text.indexOf('[', text.indexOf('"data"'));
  let [depth, start, isString] = [0, 0, false];
  for (let at = opening + 1; at < text.length; at += 1) {
    const sign = text[at];
    if (isString) {
      if (sign === '\\') at += 1;
      else if (sign === '"') isString = false;
    } else if (sign === '"') isString = true;
    else if (sign === '{' || sign === '[') {
      if (depth === 0) start = at;
      depth += 1;
    } else if (sign === '}' || sign === ']') {
      if (depth === 0) return found;
      depth -= 1;
      if (depth === 0) found.push(text.slice(start, at + 1));
    }
  }
  return found;
}

/** Makes the file: `format` is `csv`, `csv;` or `ndjson`. `told(count)` after each page; an aborted signal throws. */
export async function make({ search, format, columns, names, signal, told }) {
  const parameters = ask(search, Date.now());
  const separator = format === 'csv;' ? ';' : ',';
  const isCsv = format !== 'ndjson';
  const sum = { count: 0, first: null, last: null };
  const pieces = isCsv ? ['\ufeff', csvLine(names, separator)] : [];
  let cursor = null;
  do {
    const page = await patient(() => api.events(parameters, { limit: PAGE, cursor, signal }), signal);
    pieces.push(new Blob([isCsv ? rows(page.events, columns, separator) : lines(page.text)]));
    sum.count += page.events.length;
    sum.first ??= page.events[0]?.id ?? null;
    sum.last = page.events.at(-1)?.id ?? sum.last;
    cursor = page.next;
    told(sum.count);
  } while (cursor);
  const end = { count: sum.count, newest: sum.first, oldest: sum.last, search: parameters.toString(), exportedAt: new Date().toISOString() };
  pieces.push(isCsv ? csvLine([`# end of export: ${JSON.stringify(end)}`], separator) : `${JSON.stringify({ endOfExport: end })}\n`);
  return { blob: new Blob(pieces, { type: isCsv ? 'text/csv;charset=utf-8' : 'application/x-ndjson' }), count: sum.count };
}

/** Hands a file to the browser; its name is ours alone. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  saveFrom(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Lets the browser fetch a file and keep it. */
export function saveFrom(url, name) {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}

/** `earwitness-events-2026-11-22T0912.csv`. */
export const fileName = (ending) => `earwitness-events-${new Date().toISOString().slice(0, 16).replace(':', '')}.${ending}`;

const rows = (events, columns, separator) => events.map((event) => csvLine([event.time, ...columns.map((column) => cell(event, column))], separator)).join('');
const lines = (text) => elements(text).map((element) => `${element}\n`).join('');

/** Asks again when the log is busy or out of reach for a moment, as long as nobody cancels. */
async function patient(asked, signal) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await asked();
    } catch (error) {
      if (tries === TRIES_MAX || !['busy', 'offline'].includes(error.kind)) throw error;
      await pause((error.retry_after_s ?? tries) * 1000, signal);
    }
  }
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, Math.min(ms, 30_000));
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
