// The page's own words. Each language is one plain file in `lang/`; what a file lacks is said in English.

import { kept } from './kept.js';

export const LANGUAGES = [['en', 'English'], ['de', 'Deutsch']];

/** The language of the page's words. */
export const language = chosen();
/** The locale of dates and numbers: the browser's, in the page's language where it names one. */
export const locale = (navigator.languages ?? []).find((tag) => tag.split('-')[0] === language) ?? language;

const [english, own] = await Promise.all([load('en'), language === 'en' ? null : load(language)]);
const plural = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(locale);

document.documentElement.lang = language;

/** The words of that key; `{name}` is filled in, and `n` chooses between one and other. */
export function t(key, values = {}) {
  const text = form(key, values);
  return text.replace(/\{(\w+)\}/g, (_, name) => shown(values[name]));
}

/** The same as a list, so that values can be elements. */
export function parts(key, values) {
  return form(key, values).split(/(\{\w+\})/).map((piece) => {
    const name = piece.match(/^\{(\w+)\}$/)?.[1];
    return name ? (typeof values[name] === 'number' ? number(values[name]) : values[name]) : piece;
  });
}

/** True when the page has words for it: what it lacks is shown as it came. */
export const has = (key) => Object.hasOwn(english, key);

export const number = (n) => numbers.format(n);

function form(key, values) {
  const found = own?.[key] ?? (Object.hasOwn(english, key) ? english[key] : key);
  return typeof found === 'string' ? found : found[plural.select(values.n)] ?? found.other;
}

const shown = (value) => (typeof value === 'number' ? number(value) : String(value ?? ''));

function chosen() {
  const wanted = [kept.read('language'), ...(navigator.languages ?? [])];
  const known = wanted.map((tag) => tag?.split('-')[0]).find((tag) => LANGUAGES.some(([name]) => name === tag));
  return known ?? 'en';
}

async function load(name) {
  const answer = await fetch(new URL(`../../lang/${name}.json`, import.meta.url));
  return answer.ok ? answer.json() : {};
}
