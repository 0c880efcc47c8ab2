// Searches that somebody named: kept by Earwitness for whoever is signed in, or, where it keeps none, by this browser.
// They are kept as the query of an address, and nothing else is ever followed.

import * as api from './api.js';
import { kept } from '../ui/kept.js';

const HERE_MAX = 50;
export const NAME_MAX = 80;

/** `{ list: [{ name, query }], isHere }`; `isHere` where this browser keeps them. */
export async function searches() {
  const there = await api.searches();
  if (!there) return { list: here(), isHere: true };
  return { list: there.data.filter(isSearch), isHere: false };
}

export async function save(name, query, isHere) {
  if (!isHere) return api.saveSearch('PUT', name, query);
  return write([{ name, query }, ...here().filter((one) => one.name !== name)].slice(0, HERE_MAX));
}

export async function forget(name, isHere) {
  if (!isHere) return api.saveSearch('DELETE', name);
  return write(here().filter((one) => one.name !== name));
}

const isSearch = (one) => typeof one?.name === 'string' && typeof one.query === 'string';
const here = () => kept.list('searches').filter(isSearch).slice(0, HERE_MAX);
const write = (list) => kept.write('searches', JSON.stringify(list));
