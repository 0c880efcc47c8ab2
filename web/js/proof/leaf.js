// What an entry's leaf is over, byte for byte as docs/integrity.md says: the record as it is stored, in which each
// personal value is replaced by a commitment to it. It works on bytes, since a parsed value can be written in many ways.

/** Personal as a whole; holding nothing personal; an object by its members, and what the others are; an array of such. */
const PERSONAL = 'personal';
const PUBLIC = 'public';
const members = (known, others) => ({ known: new Map(Object.entries(known)), others });
const elements = (of) => ({ of });

const ALL = members({}, PERSONAL);
const ACTOR = members(Object.fromEntries(['type', 'role', 'organization', 'team', 'assurance', 'evidence', 'evidenceAgeS'].map((name) => [name, PUBLIC])), PERSONAL);
const EVENT = members({
  title: PERSONAL, error: PERSONAL, reason: PERSONAL, message: members({ parts: elements(ALL) }, PERSONAL), actor: ACTOR, onBehalfOf: ACTOR, target: members({ type: PUBLIC }, PERSONAL),
  links: elements(members({ id: PERSONAL }, PUBLIC)), changes: elements(members({ label: PUBLIC }, PERSONAL)), details: ALL, client: ALL, raw: ALL,
  request: members({ url: PERSONAL, destination: PERSONAL }, PUBLIC), notes: elements(members({ detail: PERSONAL }, PUBLIC)),
}, PUBLIC);

/**
 * The record as stored, out of the form in which the log gives it: `{ sequence, leaf, salt, pieces, json }`; null for another
 * form. Where values were erased, `pieces` has of each its salt, or the commitment to what stood there.
 */
export function stored(given) {
  const end = headEnd(given);
  const head = new TextDecoder().decode(given.subarray(0, end)).match(/^\{"sequence":(\d+),"leaf":"([0-9a-f]{64})","salt":(?:"([0-9a-f]{32})"|\[((?:"[0-9a-f]{32}(?:[0-9a-f]{32})?",?)+)\]),?$/);
  if (!head) return null;
  const json = new Uint8Array(given.length - end + 1);
  json[0] = OPEN;
  json.set(given.subarray(end), 1);
  const pieces = head[4] === undefined ? null : head[4].split(',').map((piece) => unhex(piece.slice(1, -1)));
  return { sequence: BigInt(head[1]), leaf: head[2], salt: head[3] ? unhex(head[3]) : null, pieces, json };
}

/** Where the three members end that the log puts before those of the record, the comma behind them included. */
function headEnd(given) {
  const start = new TextDecoder().decode(given.subarray(0, 260)).match(/^\{"sequence":\d+,"leaf":"[0-9a-f]{64}","salt":/);
  if (!start) return 0;
  const end = endOf(given, start[0].length);
  return given[end] === COMMA ? end + 1 : end;
}

/** The leaf of a record at a place; null where something else than a mark stands where a value was erased. */
export async function leafOf({ sequence, salt, pieces, json }) {
  const places = personal(json);
  if (pieces && pieces.length !== places.length) return null;
  const parts = [Uint8Array.of(0, 1), eight(sequence), four(places.length)];
  let [from, salts] = [0, null];
  for (const [index, [start, end]] of places.entries()) {
    if (!pieces && index % 2 === 0) salts = await sha256(Uint8Array.of(3), salt, four(index / 2));
    const own = pieces ? pieces[index] : salts.subarray(index % 2 === 0 ? 0 : 16, index % 2 === 0 ? 16 : 32);
    const value = json.subarray(start, end);
    if (own.length === 32 && !isErased(new TextDecoder().decode(value))) return null;
    parts.push(four(start - from), json.subarray(from, start), own.length === 32 ? own : await sha256(Uint8Array.of(2), own, value));
    from = end;
  }
  parts.push(four(json.length - from), json.subarray(from));
  return sha256(...parts);
}

const isErased = (text) => /^"(?:erased:[0-9a-f]{16}|::)"$/.test(text);

/** From where to where each personal value stands; none where this is no record of ours. */
export function personal(json) {
  const places = [];
  return json[0] === OPEN && walk(json, 0, EVENT, places) === json.length ? places : [];
}

const [OPEN, CLOSE, LIST, END, QUOTE, BACKSLASH, COMMA, COLON] = [...'{}[]"\\,:'].map((sign) => sign.charCodeAt(0));

/** Passes over a value; where it ends, or -1 where it does not. */
function walk(json, at, shape, places) {
  if (at < 0 || at >= json.length) return -1;
  if (shape === PUBLIC) return endOf(json, at);
  if (shape.known && json[at] === OPEN) return each(json, at, CLOSE, (start) => member(json, start, shape, places));
  if (shape.of && json[at] === LIST) return each(json, at, END, (start) => walk(json, start, shape.of, places));
  const end = endOf(json, at);
  if (end >= 0) places.push([at, end]);
  return end;
}

function member(json, start, shape, places) {
  const end = endOfText(json, start);
  if (end < 0 || json[end] !== COLON) return -1;
  return walk(json, end + 1, shape.known.get(new TextDecoder().decode(json.subarray(start + 1, end - 1))) ?? shape.others, places);
}

function each(json, at, close, one) {
  if (json[at + 1] === close) return at + 2;
  for (let start = at + 1; ; ) {
    const end = one(start);
    if (end < 0 || (json[end] !== COMMA && json[end] !== close)) return -1;
    if (json[end] === close) return end + 1;
    start = end + 1;
  }
}

function endOf(json, from) {
  let [at, depth] = [from, 0];
  while (at < json.length) {
    const sign = json[at];
    if (sign === QUOTE) at = endOfText(json, at);
    else if (sign === OPEN || sign === LIST) {
      depth += 1;
      at += 1;
      continue;
    } else if (sign === CLOSE || sign === END) {
      depth -= 1;
      at += 1;
    } else if (sign === COMMA || sign === COLON) {
      if (depth === 0) return -1;
      at += 1;
      continue;
    } else while (at < json.length && ![COMMA, END, CLOSE, COLON, QUOTE, OPEN, LIST].includes(json[at])) at += 1;
    if (at < 0 || depth < 0) return -1;
    if (depth === 0) return at;
  }
  return -1;
}

function endOfText(json, from) {
  if (json[from] !== QUOTE) return -1;
  for (let at = from + 1; at < json.length; at += 1) {
    if (json[at] === BACKSLASH) at += 1;
    else if (json[at] === QUOTE) return at + 1;
  }
  return -1;
}

const four = (number) => Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number);
const eight = (number) => Uint8Array.from({ length: 8 }, (_, index) => Number((number >> BigInt(56 - index * 8)) & 255n));
const unhex = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));

export async function sha256(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', all));
}
