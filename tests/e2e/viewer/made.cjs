// Events made up for the page: a week of a practice, which no test can wait for, and one event that is hostile in every
// member. Their form is that of docs/api.md; the page is given them in place of the query endpoint's answers.

const PEOPLE = {
  ada: { type: 'user', id: '1', name: 'Ada Okafor', email: 'ada@harbour.example', role: 'owner', assurance: 'lookedUp', evidence: 'application' },
  lena: { type: 'user', id: '4', name: 'Lena Fischer', email: 'lena.fischer@harbour.example', role: 'admin', assurance: 'lookedUp', evidence: 'application', evidenceAgeS: 12 },
  tom: { type: 'user', id: '7', name: 'Tom Becker', email: 'tom.becker@harbour.example', role: 'member', assurance: 'lookedUp', evidence: 'application' },
  sofia: { type: 'user', id: '9', name: 'Dr. Sofía Álvarez-Montenegro de la Cruz', email: 'sofia@harbour.example', role: 'member', assurance: 'lookedUp', evidence: 'application' },
  priya: { type: 'guest', name: 'Priya Raman', email: 'priya.raman@mail.example', assurance: 'claimed', evidence: 'claimed' },
  kiosk: { type: 'app', id: 'key-4f9c', name: 'Kiosk, front desk', assurance: 'verified', evidence: 'accepted' },
  system: { type: 'system', name: 'System', assurance: 'none' },
  nobody: { type: 'unknown', assurance: 'none' },
};
const ADDRESSES = { ada: '203.0.113.14', lena: '203.0.113.22', tom: '203.0.113.31', sofia: '203.0.113.55', priya: '192.0.2.201', kiosk: '10.4.0.12', system: '10.4.0.1', nobody: '45.155.205.99' };
const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:134.0) Gecko/20100101 Firefox/134.0';
const booking = (id, name) => ({ type: 'booking', id, name });

// Words of the rule and values, in turns: the second, fourth, … piece came from the traffic.
const STORIES = [
  ['priya', 'CREATED', ['Booking created for ', 'Thu 22 Jan, 09:30', ' with ', 'Mina Park'], booking('bk_9Q2mXe', 'First appointment')],
  ['lena', 'RESCHEDULED', ['Booking rescheduled from ', 'Sat 10 Jan, 10:00', ' to ', 'Thu 15 Jan, 10:00'], booking('bk_7Hd02kTz', 'Knee follow-up, 30 min'), { onBehalfOf: PEOPLE.tom, joins: true, moved: true }],
  ['system', 'notification_triggered', ['Notification sent to ', 'marek@nowak.example'], booking('bk_7Hd02kTz', 'Knee follow-up, 30 min'), { source: 'SYSTEM' }],
  ['lena', 'IMPERSONATION_START', ['Impersonation started: now acts as ', 'Tom Becker'], { type: 'user', id: '7', name: 'Tom Becker' }, { category: 'SECURITY' }],
  ['nobody', 'LOGIN', ['Sign-in failed for ', 'mina.park@harbour.example'], { type: 'user', name: 'mina.park@harbour.example' }, { result: 'failure', error: 'incorrect-email-password', category: 'SECURITY', notes: [{ code: 'actor-claimed' }] }],
  ['ada', 'ROLE_CHANGED', ['Role changed from ', 'member', ' to ', 'admin'], { type: 'user', id: '12', name: 'Yusuf Demir' }, { category: 'ACCESS' }],
  ['tom', 'ROLE_CHANGED', ['Role could not be changed to ', 'owner'], { type: 'user', id: '12', name: 'Yusuf Demir' }, { result: 'denied', category: 'ACCESS', error: 'FORBIDDEN', attempted: true }],
  ['sofia', 'ATTENDEE_ADDED', ['Attendee added: ', 'شيرين عبد الله'], booking('bk_2Vx8aa', 'Intake, new patient')],
  ['kiosk', 'CANCELLED', ['Booking cancelled, reason given: ', 'double booked, sorry'], booking('bk_11mm0P', 'Massage, 45 min'), { source: 'API_V2', reason: 'double booked, sorry' }],
  ['ada', 'API_KEY_CREATED', ['API key created: ', 'Kiosk, front desk'], { type: 'apiKey', id: 'key-4f9c', name: 'Kiosk, front desk' }],
  ['sofia', 'LOCATION_CHANGED', ['Location changed from ', 'Room 4', ' to ', 'Room 2, first floor'], booking('bk_7Hd02kTz', 'Knee follow-up, 30 min')],
  ['tom', 'NO_SHOW_UPDATED', ['No-show recorded for ', 'Marek Nowak'], booking('bk_5Ty71c', 'Shoulder mobility')],
  ['kiosk', 'RESCHEDULED', ['Booking could not be rescheduled to ', 'Fri 16 Jan, 08:00'], booking('bk_00aQ1z', 'Blood sample'), { source: 'API_V2', result: 'failure', error: 'no_available_users_found_error' }],
  ['lena', 'change_calendar_acls', ['Access to a calendar changed for ', 'front-desk@harbour.example', ' to ', 'editor'], { type: 'calendar', id: 'c_rad1@group.calendar.example', name: 'Radiology room 1' }, { source: 'API_V3' }],
  ['ada', 'WORKFLOW_MODIFIED', ['Workflow modified: ', 'Reminder by text message'], { type: 'workflow', id: '31', name: 'Reminder by text message' }],
  ['tom', 'LOGIN', ['Signed in'], { type: 'user', id: '7', name: 'Tom Becker' }, { source: 'SAML', category: 'SECURITY' }],
  ['system', 'CHANGED_UNSEEN', ['Changed by something that nobody saw: ', 'Massage, 45 min'], booking('bk_11mm0P', 'Massage, 45 min'), { source: 'SYSTEM', result: 'unknown', notes: [{ code: 'changed-unseen', detail: 'between 08:12 and 09:40' }] }],
];

const MOVED = [
  { field: 'start', pointer: '/start', label: 'Start', before: 'Sat 10 Jan 2026, 10:00', after: 'Thu 15 Jan 2026, 10:00' },
  { field: 'end', pointer: '/end', label: 'End', before: 'Sat 10 Jan 2026, 10:30', after: 'Thu 15 Jan 2026, 10:30' },
  { field: 'location', pointer: '/location', label: 'Location', before: 'Room 4, Harbour Street 12, ground floor', after: 'Room 2, Harbour Street 12, first floor' },
  { field: 'attendees[chloe.m@mail.example]', pointer: '/attendees/1', label: 'Attendees', before: { name: 'Chloe Martin', email: 'chloe.m@mail.example' } },
  { field: 'attendees[shirin@mail.example]', pointer: '/attendees/1', label: 'Attendees', after: { name: 'شيرين عبد الله', email: 'shirin@mail.example' } },
  { field: 'notes', pointer: '/notes', label: 'Notes', before: 'Bring the MRI pictures and the referral from Dr. Haas.', after: 'Bring the MRI pictures, the knee brace and the new referral from Dr. Haas.' },
  { field: 'reminder', pointer: '/reminder', label: 'Reminder', before: '24 h before' },
];

function made(sequence, at, [who, action, words, target, more = {}], exchange) {
  const parts = words.map((text, index) => (index % 2 ? { value: text } : { text }));
  const { joins, moved, ...others } = more;
  return {
    sequence, leaf: 'cd'.repeat(32), salt: 'ab'.repeat(16), format: 1, id: `019ab0c4-0000-7000-8000-${String(sequence).padStart(12, '0')}`, time: new Date(at).toISOString(), exchangeId: exchange,
    action, type: 'RECORD_UPDATED', category: 'DATA', title: action, message: { text: words.join(''), parts }, actor: PEOPLE[who], target, source: 'WEBAPP', result: 'success',
    changes: moved ? MOVED : [], before: moved ? { state: 'read', consistency: 'confirmed' } : { state: 'none' }, scope: { organization: 'Harbour Clinics', team: 'Physiotherapy' },
    client: { ip: ADDRESSES[who], userAgent: FIREFOX }, request: { id: 'r1', traceId: '4bf92f3577b34da6a3ce929d0e0e4736', method: 'PATCH', url: `https://office.example/v2/bookings/${target.id ?? ''}` },
    response: { status: 200, durationMs: 38 }, rule: { id: 'calcom/booking.rescheduled', version: 'a41f'.repeat(16) }, match: { certainty: 'certain', by: 'raw' }, ...others,
  };
}

/** What Earwitness itself tells of a time in which it could not record. */
function gap(sequence, at) {
  const event = made(sequence, at, ['system', 'RECORDING_GAP', ['3 events could not be recorded'], { type: 'log' }], `gap-${sequence}`);
  return { ...event, actor: { type: 'system', assurance: 'none' }, source: 'EARWITNESS', category: 'AUDIT', result: 'failure', rule: { ...event.rule, id: 'earwitness/gap' }, notes: [{ code: 'a-code-of-a-later-version' }] };
}

/** So many events, newest first, over the week before `now`: busy by day, quiet by night. */
function week(count, now) {
  const events = [];
  let at = now - 7_000;
  let chance = 11;
  for (let sequence = count; sequence > 0; sequence -= 1) {
    chance = (chance * 16807) % 2147483647;
    const story = STORIES[(count - sequence) % STORIES.length];
    const before = events.at(-1);
    // What one request did stands together: the second of a pair happened at the same time, a little earlier.
    const joined = before && STORIES[(count - sequence - 1) % STORIES.length][4]?.joins;
    events.push(made(sequence, joined ? at : at, story, joined ? before.exchangeId : `exchange-${sequence}`));
    const hour = new Date(at).getUTCHours();
    const next = STORIES[(count - sequence) % STORIES.length][4]?.joins;
    if (!next) at -= (chance % 600_000) * (hour > 6 && hour < 20 ? 1 : 9) + 20_000;
  }
  return events;
}

const SCRIPT = '<script>window.hacked=1</script><img src=x onerror="window.hacked=1">';
const NASTY = `${SCRIPT}\u202Egnp.exe\u2066\u200B\u0000\ud800 "'><svg onload=window.hacked=1> javascript:window.hacked=1 {{constructor.constructor('window.hacked=1')()}}`;

/** Hostile in every member that can hold text: markup, overrides of direction, half characters, formulae, a megabyte. */
function hostile(sequence, at) {
  const event = made(sequence, at, ['tom', NASTY, ['Booking moved ', NASTY, ' to ', '=HYPERLINK("https://evil.test","x")'], booking('=1+1', NASTY)], 'exchange-hostile');
  const megabyte = `${NASTY}${'A very long note. '.repeat(58_000)}`;
  return {
    ...event, action: '=cmd|calc', title: NASTY, type: '+1+1', category: '@SUM(1)', source: '-2+3', reason: megabyte, error: NASTY,
    actor: { ...PEOPLE.tom, name: `${NASTY} аdmin`, email: '=1+1@evil.test', role: NASTY, id: '__proto__' }, onBehalfOf: { ...PEOPLE.ada, name: NASTY },
    changes: [{ field: NASTY, label: NASTY, before: NASTY, after: megabyte }, { field: '__proto__', before: { __proto__: null, constructor: NASTY }, after: [NASTY, '\t=1+1', 'x;=1+1'] }, { field: 'deep', before: null, after: JSON.parse('['.repeat(400) + ']'.repeat(400)) }],
    details: JSON.parse(`{"__proto__":${JSON.stringify(NASTY)},"constructor":"=1+1","note":"x;=1+1","big":12345678901234567890}`), notes: [{ code: 'name-mixed', detail: NASTY }, { code: '"><script>', detail: NASTY }],
    client: { ip: '192.0.2.7', userAgent: NASTY }, request: { ...event.request, url: `javascript:window.hacked=1//${NASTY}` }, links: [{ rel: NASTY, type: NASTY, id: 'javascript:window.hacked=1' }], tags: [NASTY],
  };
}

const FACETS = { actor: (e) => e.actor?.id ?? e.actor?.name, action: (e) => e.action, type: (e) => e.type, category: (e) => e.category, source: (e) => e.source, result: (e) => e.result, targetType: (e) => e.target?.type, team: (e) => e.scope?.team, organization: (e) => e.scope?.organization };
const STEPS_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000, month: 2_592_000_000 };

/** The routes that count these events, as a listener that has them answers. Only `result` narrows what they count. */
function counting(events) {
  const asked = (url) => events.filter((event) => !url.searchParams.has('result') || url.searchParams.getAll('result').includes(event.result));
  const tally = (list, of) => list.reduce((counts, event) => (of(event) === undefined ? counts : counts.set(of(event), (counts.get(of(event)) ?? 0) + 1)), new Map());
  return {
    facets: (route, url) => {
      const names = new Map(events.map((event) => [FACETS.actor(event), event.actor?.name]));
      const rows = (field) => [...tally(asked(url), FACETS[field])].sort((a, b) => b[1] - a[1]).map(([value, count]) => ({ value, count, ...(field === 'actor' && names.get(value) ? { name: names.get(value) } : {}) }));
      return route.fulfill({ json: { data: Object.fromEntries(url.searchParams.getAll('facet').map((field) => [field, rows(field)])), total: { count: asked(url).length, atLeast: false }, isCut: false } });
    },
    histogram: (route, url) => {
      const interval = url.searchParams.get('interval');
      const at = (event) => Math.floor(Date.parse(event.time) / STEPS_MS[interval]) * STEPS_MS[interval];
      const bucket = (from) => asked(url).filter((event) => at(event) === from);
      const data = [...new Set(asked(url).map(at))].sort((a, b) => a - b).map((from) => ({ from: new Date(from).toISOString(), count: bucket(from).length, results: Object.fromEntries(tally(bucket(from), (event) => event.result)) }));
      return route.fulfill({ json: { data, interval, isCut: false } });
    },
  };
}

module.exports = { counting, week, gap, hostile, made, NASTY, STORIES };
