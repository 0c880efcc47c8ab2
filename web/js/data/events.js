// What an event is to a reader: its kind, who did it, and every fact as a column. Pure; the words are in `lang/`.

/** The kinds, in the order in which they are told. */
export const KINDS = ['booking', 'calendar', 'signin', 'access', 'settings', 'record', 'other'];
export const RESULTS = ['success', 'failure', 'denied', 'unknown'];

// Rule packs have vocabularies of their own; a kind is guessed from the words in them, the first that fits. It
// chooses a drawing and a colour, nothing else.
const SIGNS = [
  ['signin', /log_?(in|out)|sign_?(in|out)|password|two_?factor|2fa|impersonat|act_as|session|email_(changed|verified)|tokens?_issued|account/],
  ['access', /role|member|\bacls?\b|_acls?|permission|invite|organi[sz]ation|\bteam|grant|\baccess/],
  ['settings', /workflow|api_?key|event_?type|webhook|setting|subscription|channel|profile|schedule[sd]?_(created|updated)|oauth|client\b/],
  ['calendar', /calendar|collection|availability|freebusy|notification|\btime_?zone/],
  ['booking', /book|event|appointment|attendee|guest|seat|reschedul|cancel|reassign|no_show|occurrence|accepted|rejected|created|location_changed|moved/],
];

/** True for what Earwitness tells of itself: starts, gaps, reloads. */
const isOwn = (event) => event.source === 'EARWITNESS' && String(event.rule?.id).startsWith('earwitness/');

/** True where the log tells who has read it, or was refused. */
export const isOfReading = (event) => isOwn(event) && event.rule.id === 'earwitness/read';

/** True where the log tells that something is missing from it. */
export const isGap = (event) => event.action === 'CHANGED_UNSEEN' || (event.action === 'RECORDING_GAP' && isOwn(event));

/** One of [`KINDS`]. */
export function kindOf(event) {
  if (isOwn(event) || event.action === 'CHANGED_UNSEEN') return 'record';
  const words = [event.action, event.target?.type, event.type, event.category].filter(Boolean).map((word) => String(word).toLowerCase());
  for (const word of words) {
    const found = SIGNS.find(([, sign]) => sign.test(word));
    if (found) return found[0];
  }
  return 'other';
}

const OWN = /^(RECORDING_|CLOCK_MOVED$|RULE_FAILING$|RULES_RELOADED$|CHANGED_UNSEEN$|LOG_(READ|NOT_AS_SIGNED|RESTORED)$|ACCESS_REFUSED$|EVENTS_PURGED$|DISK_FILLING$|IMPORT_(BEGUN|ENDED)$|(TOKEN|LINK)_(CREATED|REVOKED|REMOVED|OPENED)$)/;

/** The kind of an action of which no more is known. */
export const kindOfAction = (action) => (OWN.test(action) ? 'record' : kindOf({ action }));

const VERBS = {
  booking: [['people', /attendee|guest|seat|no_show/], ['place', /location/], ['move', /reschedul|move|start_time|reassign/], ['accept', /accept|confirm/], ['delete', /cancel|delete|reject|remove|clear/], ['create', /creat|made|add|restore|book(ed|ing\.created)/]],
  calendar: [['bell', /notif/], ['look', /lookup|availab|freebusy/]],
  access: [['share', /acl|grant|shar|permission/]],
  signin: [['mask', /impersonat|act_as/], ['lock', /password|factor|2fa|token|email/], ['out', /out/]],
  settings: [['key', /key|token|oauth/], ['flow', /workflow|webhook/]],
  record: [['unseen', /unseen/], ['break', /gap|started|stopped|clock|failing/]],
  other: [['delete', /delet|remov|cancel/], ['create', /creat|add|made/]],
};

/** The name of an event's drawing. */
export function drawingOf(event) {
  const kind = kindOf(event);
  const action = String(event.action).toLowerCase();
  if (kind === 'signin' && event.result !== 'success' && !/impersonat|act_as/.test(action)) return 'signin-fail';
  const verb = VERBS[kind].find(([, sign]) => sign.test(action));
  return verb ? `${kind}-${verb[0]}` : kind;
}

/** What a person is called; null for nobody. */
export const nameOf = (actor) => actor?.name ?? actor?.email ?? actor?.id ?? null;

/** The filter that finds everything by an actor: the surest of what identifies him. */
export function filterOf(actor) {
  const known = actor?.id ?? actor?.email ?? actor?.name;
  if (!known) return null;
  return [actor.assurance === 'claimed' ? 'claimedActor' : 'actor', known];
}

/** Up to two letters of a name. */
export function initials(name) {
  const words = String(name).replace(/^(dr|prof)\.?\s+/i, '').split(/[\s.@_-]+/u).filter((word) => /^[\p{L}\p{N}]/u.test(word));
  return words.slice(0, 2).map((word) => [...word][0]).join('').toUpperCase() || '?';
}

/** Every fact of an event as a column: its name and how it is read. `time` stands before them all. */
export const COLUMNS = new Map(Object.entries({
  message: (e) => e.message?.text,
  who: (e) => nameOf(e.actor),
  result: (e) => e.result,
  target: (e) => e.target?.name ?? e.target?.id,
  source: (e) => e.source,
  ip: (e) => e.client?.ip,
  action: (e) => e.action,
  type: (e) => e.type,
  category: (e) => e.category,
  title: (e) => e.title,
  behalf: (e) => nameOf(e.onBehalfOf),
  actorType: (e) => e.actor?.type,
  actorId: (e) => e.actor?.id,
  email: (e) => e.actor?.email,
  role: (e) => e.actor?.role,
  assurance: (e) => e.actor?.assurance,
  organization: (e) => e.actor?.organization ?? e.scope?.organization,
  team: (e) => e.actor?.team ?? e.scope?.team,
  targetType: (e) => e.target?.type,
  targetId: (e) => e.target?.id,
  links: (e) => e.links?.map((link) => `${link.rel} ${link.type} ${link.id}`).join('; '),
  changes: (e) => e.changes?.map((change) => `${change.label ?? change.field}: ${brief(change.before)} → ${brief(change.after)}`).join('; '),
  reason: (e) => e.reason,
  error: (e) => e.error,
  apiKind: (e) => e.apiKind,
  userAgent: (e) => e.client?.userAgent,
  method: (e) => e.request?.method,
  url: (e) => e.request?.url,
  status: (e) => e.response?.status,
  durationMs: (e) => e.response?.durationMs,
  notes: (e) => e.notes?.map((note) => note.code).join(' '),
  certainty: (e) => e.match?.certainty,
  rule: (e) => e.rule?.id,
  traceId: (e) => e.request?.traceId,
  requestId: (e) => e.request?.id,
  sequence: (e) => e.sequence,
  id: (e) => e.id,
  tag: (e) => e.tags?.[0],
  details: (e) => (e.details ? JSON.stringify(e.details) : null),
}));
/** Where these stand in an event, for files that the server makes. */
export const PATHS = {
  message: 'message.text', who: 'actor.name', result: 'result', target: 'target.name', source: 'source', ip: 'client.ip', action: 'action', type: 'type', category: 'category', title: 'title',
  behalf: 'onBehalfOf.name', actorType: 'actor.type', actorId: 'actor.id', email: 'actor.email', role: 'actor.role', assurance: 'actor.assurance', organization: 'scope.organization', team: 'scope.team',
  targetType: 'target.type', targetId: 'target.id', links: 'links', changes: 'changes', reason: 'reason', error: 'error', apiKind: 'apiKind', userAgent: 'client.userAgent', method: 'request.method', url: 'request.url',
  status: 'response.status', durationMs: 'response.durationMs', notes: 'notes', certainty: 'match.certainty', rule: 'rule.id', traceId: 'request.traceId', requestId: 'request.id', sequence: 'sequence', id: 'id', details: 'details',
};

export const SHOWN_AT_FIRST = ['message', 'who', 'result', 'target', 'source', 'ip', 'action'];

/** The text in a column; `details.x` is the member `x` of what the rule keeps beside. */
export function cell(event, column) {
  const inside = column.startsWith('details.') ? column.slice('details.'.length) : null;
  const found = inside === null ? COLUMNS.get(column)?.(event) : own(event.details, inside);
  return found === null || found === undefined ? '' : brief(found);
}

/** The columns that the details of these events add. */
export function detailColumns(events, count_max = 60) {
  const names = new Set();
  for (const event of events) {
    for (const name of Object.keys(event.details ?? {})) if (names.size < count_max) names.add(`details.${name}`);
  }
  return [...names].sort();
}

/** A value on one line. */
export function brief(value) {
  if (value === undefined || value === null) return value === null ? 'null' : '–';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const own = (object, name) => (object && Object.hasOwn(object, name) ? object[name] : undefined);

const BROWSERS = [['Edge', /Edg(?:e|A|iOS)?\/(\d+)/], ['Opera', /OPR\/(\d+)/], ['Samsung Internet', /SamsungBrowser\/(\d+)/], ['Firefox', /(?:Firefox|FxiOS)\/(\d+)/], ['Chrome', /(?:Chrome|CriOS)\/(\d+)/], ['Safari', /Version\/(\d+)[\d.]* (?:Mobile\/\S+ )?Safari/]];
const SYSTEMS = [['Android', /Android/], ['iOS', /iPhone|iPad|iOS\//], ['Windows', /Windows NT/], ['macOS', /Mac OS X|macOS/], ['ChromeOS', /CrOS/], ['Linux', /Linux|X11/]];

/** A user agent in few words: `Firefox 134, Windows`; what is no browser by its first word. */
export function agent(text) {
  const bounded = String(text).slice(0, 400);
  const system = SYSTEMS.find(([, sign]) => sign.test(bounded))?.[0];
  for (const [name, sign] of BROWSERS) {
    const found = bounded.match(sign);
    if (found) return [`${name} ${found[1]}`, system].filter(Boolean).join(', ');
  }
  const [first] = bounded.split(/[\s(;]/);
  return [first.replace('/', ' '), system].filter(Boolean).join(', ');
}
