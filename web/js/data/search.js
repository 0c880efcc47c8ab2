// A search: words, filters, a span of time, or the history of one thing (`about`, its kind and identifier). The address bar holds it whole, the box shows it, the API is asked it.

/** The filters, by the API's own names; each takes any of its values. */
export const FIELDS = ['actor', 'action', 'type', 'category', 'source', 'result', 'targetType', 'targetId', 'team', 'organization', 'tag', 'rule', 'ip', 'claimedActor'];

/** Texts in which a word can be looked for by its name; that stays among the words. */
const TEXTS = ['title', 'message', 'reason', 'error', 'changes', 'details', 'raw'];

const SPANS_MS = { h: 3_600_000, d: 86_400_000 };

/** The search that an address holds. */
export function read(parameters) {
  const filters = FIELDS.map((field) => [field, parameters.getAll(field)]).filter(([, values]) => values.length);
  return { words: parameters.get('q') ?? '', about: parameters.get('about'), from: parameters.get('from'), to: parameters.get('to'), filters: new Map(filters) };
}

/** The search as parameters of the address; spans like `-7d` stay what they are. */
export function write(search) {
  const parameters = new URLSearchParams();
  if (search.about) parameters.set('about', search.about);
  if (search.words) parameters.set('q', search.words);
  for (const [field, values] of search.filters) values.forEach((value) => parameters.append(field, value));
  if (search.from) parameters.set('from', search.from);
  if (search.to) parameters.set('to', search.to);
  return parameters;
}

/** The search as the API takes it: a span that ends now becomes a time, once, so that its cursors hold. */
export function ask(search, now) {
  const parameters = write(search);
  const span = search.from?.match(/^-(\d{1,4})([hd])$/);
  if (span) parameters.set('from', new Date(now - Number(span[1]) * SPANS_MS[span[2]]).toISOString());
  return parameters;
}

/** The same search with the values of one filter, or without it. */
export function withFilter(search, field, values) {
  const filters = new Map(search.filters);
  if (values.length) filters.set(field, values);
  else filters.delete(field);
  return { ...search, filters };
}

/** The same search where that filter takes this value, too. */
export function withValue(search, field, value) {
  const values = search.filters.get(field) ?? [];
  return values.includes(value) ? search : withFilter(search, field, [...values, value]);
}

/** The same search with these words beside its own, as a phrase that stands in what rules keep in `details`. */
export function withDetail(search, text) {
  const phrase = `details:"${text.replace(/["\\]/g, ' ').trim()}"`;
  return search.words.includes(phrase) ? search : { ...search, words: `${search.words} ${phrase}`.trim() };
}

export const isEmpty = (search) => !search.about && !search.words && !search.from && !search.to && !search.filters.size;

/** What somebody typed: `field:value` and `field:"two words"` become filters, the rest stays words. A word before a
 * colon that names no field is told with the nearest that does, and stays a word. */
export function parse(text) {
  const filters = [];
  const unknown = [];
  const words = text.replace(/(^|\s)([a-z]+):(?:"([^"]*)"|(\S+))/gi, (whole, _, name, quoted, bare) => {
    const field = FIELDS.find((known) => known.toLowerCase() === name.toLowerCase());
    if (field) filters.push([field, quoted ?? bare]);
    else if (!TEXTS.includes(name.toLowerCase())) unknown.push({ name, nearest: nearest(name) });
    return field ? ' ' : whole;
  });
  return { words: words.replace(/\s+/g, ' ').trim(), filters, unknown };
}

/** The field whose name takes the fewest changes of a letter, if few are enough. */
function nearest(name) {
  const ranked = FIELDS.map((field) => [field, distance(name.toLowerCase(), field.toLowerCase())]);
  const [field, changes] = ranked.reduce((best, one) => (one[1] < best[1] ? one : best));
  return changes <= 3 ? field : null;
}

function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length && i <= 40; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length];
}
