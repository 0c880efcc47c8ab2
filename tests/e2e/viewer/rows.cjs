// The rows of other audit logs, walked one by one: what a person does there is done here, with the events of that very
// application (houses.py), at a desk and on a phone, light and dark. docs/viewer-rows.md says which step is which row's.

const fs = require('node:fs');
const path = require('node:path');
const { require_, until } = require('./browser.cjs');

const LOOKS = [['desktop', 'light'], ['desktop', 'dark'], ['phone', 'light'], ['phone', 'dark']];
// What the document says, not what is painted: a row that was not looked at yet is not laid out and has no inner text.
const texts = (page, selector) => page.locator(selector).allTextContents();
const count = (page) => page.locator('.row[data-id]').count();

/** Opens a page there as somebody who has that token, and signs in as a person does. */
async function entered({ open, look }, house, query = '', token = house.auditor) {
  const page = await open(house.address + query, look);
  await page.fill('#token', token);
  await page.press('#token', 'Enter');
  await page.locator('.row[data-id], .log tbody tr, .section, .state:not(:has(#token))').first().waitFor();
  return page;
}

/** Chooses values in a drop-down of the search. */
async function chosen(page, name, ...values) {
  await page.getByRole('group', { name: 'Filters' }).getByRole('button', { name, exact: true }).click();
  for (const value of values) await page.getByRole('dialog', { name, exact: true }).getByLabel(value).first().check();
  await page.keyboard.press('Escape');
}

/** Saves an export; its text, or where it lies for viewer.py to look at. */
async function exported(page, format, { all = false } = {}) {
  await page.locator('.is-export').click();
  await page.getByRole('radio', { name: format }).check();
  if (all) await page.getByRole('radio', { name: 'All columns' }).check();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('dialog').getByRole('button', { name: 'Export' }).click()]);
  await page.keyboard.press('Escape');
  return download;
}

async function saved(download, name) {
  const folder = process.env.E2E_FILES;
  if (folder) await download.saveAs(path.join(folder, name));
  return fs.readFileSync(await download.path());
}

const head = (text) => text.replace(/^\ufeff/, '').split('\r\n')[0].slice(1, -1).split('","');

/** What everybody who reads such a log wants to see: one line for each event. */
const READING = {
  async 'CV1 CV2 CV3 CV4: a timeline in sentences, newest first, with who did it and when'(world) {
    const page = await entered(world, world.houses.calcom, '?organization=3');
    const times = await page.locator('.row time').evaluateAll((all) => all.map((one) => one.dateTime));
    require_(times.length > 20 && times.every((time, at) => at === 0 || time <= times[at - 1]), 'newest first', times);
    const drawings = new Set(await page.locator('.row .glyph svg[role=img]').evaluateAll((all) => all.map((one) => one.getAttribute('aria-label'))));
    require_(drawings.size >= 3, 'a drawing for each kind, with its name', [...drawings]);
    await page.goto(`${world.houses.calcom.address}?action=RESCHEDULED&source=API_V2`);
    await page.getByText('Booking rescheduled from Jan 10, 2026 to Jan 15, 2026', { exact: true }).first().waitFor();
    await page.goto(`${world.houses.calcom.address}?action=TWO_FACTOR_ENABLED&result=success`);
    const row = page.locator('.row[data-id]').first();
    await row.waitFor();
    require_(/Ada/.test(await row.locator('.who').textContent()) && (await row.locator('.role').textContent()) === 'ADMIN', 'name and role', await row.textContent());
    require_(/ago|now/.test(await row.locator('.ago').textContent()) && /20\d\d.*\d\d:\d\d:\d\d/s.test(await row.locator('.ago').getAttribute('title')), 'how long ago, and exactly when', await row.locator('.ago').getAttribute('title'));
    await page.goto(`${world.houses.calcom.address}?action=JOB_RUN&result=success`);
    const job = page.locator('.row[data-id]').first();
    await job.waitFor();
    require_(/Cal\.com/.test(await job.locator('.who').textContent()) && (await job.locator('.avatar-system').count()) === 1, 'the application itself', await job.textContent());
  },

  async 'CV5: through what, in whose name, and the record as it is stored'(world) {
    const page = await entered(world, world.houses.calcom, '?action=CANCELLED&result=success&source=WEBAPP');
    const row = page.locator('.row', { has: page.locator('.behalf') }).first();
    require_(/as Bo/.test(await row.locator('.behalf').textContent()), 'in whose name', await row.textContent());
    require_((await row.locator('.source').textContent()) === 'web app', 'through what', await row.textContent());
    await row.locator('a').first().click();
    const entry = page.locator('.entry');
    await entry.waitFor();
    require_(/On behalf of/i.test(await entry.innerText()) && /web app/.test(await entry.innerText()), 'the entry says both', await entry.innerText());
    await page.getByRole('tab', { name: 'Raw' }).click();
    await page.waitForSelector('.json summary');
    for (const member of ['"onBehalfOf"', '"source"', '"WEBAPP"', '"exchangeId"']) require_((await page.locator('.json').innerText()).includes(member), `raw has ${member}`, await page.locator('.json').innerText());
  },

  async 'CV6: words find events by the name of the action, by who acted, and by what the event tells'(world) {
    const page = await entered(world, world.houses.calcom);
    const all = await count(page);
    const sought = async (words, part, fits) => {
      await page.fill('#q', words);
      await page.press('#q', 'Enter');
      await until(`${words} is found`, async () => (await count(page)) > 0 && (await count(page)) < all && (await texts(page, `.row ${part}`)).every((text) => fits.test(text)));
    };
    await sought('WORKFLOW_CREATED', '.sentence', /workflow/i);
    await sought('stripepayment', '.who', /stripepayment/);
    await sought('reason:Travel', '.sentence', /[Rr]eschedule/);
    await sought('"seat 2"', '.sentence', /[Ss]eat/);
  },

  async 'CV7: a drop-down of actors'(world) {
    const page = await entered(world, world.houses.calcom);
    const all = await count(page);
    await chosen(page, 'Actor', 'Bo');
    await until('his alone', async () => (await count(page)) > 0 && (await count(page)) < all && (await texts(page, '.row .byline')).every((text) => /Bo/.test(text)));
    require_((await texts(page, '.chip')).join().includes('Bo'), 'the box says so', await texts(page, '.chip'));
  },
};

/** Who sees what, and the same history for programs. */
const SEEING = {
  async 'CX1: who owns an organization sees all of it, who owns a team sees the team, and who owns neither sees nothing'(world) {
    const { calcom } = world.houses;
    const total = async (token) => {
      const page = await entered(world, calcom, '', token);
      await until('it is counted', async () => /^\d+$/.test(await page.locator('.total b').innerText()));
      const shown = Number((await page.locator('.total b').innerText()).replace(/\D/g, ''));
      return { page, shown };
    };
    const [auditor, owner, team] = [await total(calcom.auditor), await total(calcom.owner), await total(calcom.team)];
    require_(auditor.shown > owner.shown && owner.shown > team.shown && team.shown > 0, 'ever less', [auditor.shown, owner.shown, team.shown]);
    require_(!(await texts(owner.page, '.row')).some((text) => /payment_intent|was made: /.test(text)), 'nothing of nobody', await texts(owner.page, '.row'));
    require_((await texts(team.page, '.row .sentence')).every((text) => /[Ww]orkflow|Role|Cy|Bo/.test(text)), 'the team alone', await texts(team.page, '.row .sentence'));
    const none = await entered(world, calcom, '', calcom.operator);
    require_((await none.locator('.state').innerText()).includes('not for you to see') && (await count(none)) === 0, 'nothing, and why', await none.locator('.state').innerText());
  },

  async 'CX2: the history of an event type and of a booking, page by page, in the shape of Cal.com'(world) {
    const { address, auditor } = world.houses.calcom;
    const page = await entered(world, world.houses.calcom, '?action=RESCHEDULED&source=API_V2');
    await page.locator('.row a').first().click();
    await page.getByRole('link', { name: 'Everything about this booking' }).click();
    await until('the booking, and what it became', async () => (await count(page)) >= 2);
    const booking = new URL(page.url()).searchParams.get('about').split(':')[1];
    const asked = async (where) => (await fetch(address + where, { headers: { authorization: `Bearer ${auditor}` } })).json();
    const first = await asked(`v2/bookings/${booking}/history?limit=1`);
    require_(first.status === 'success' && first.data.auditLogs.length === 1 && first.pagination.hasMore, 'one, and more behind it', first);
    const second = await asked(`v2/bookings/${booking}/history?limit=1&cursor=${encodeURIComponent(first.pagination.nextCursor)}`);
    require_(second.data.auditLogs[0].id !== first.data.auditLogs[0].id, 'the next one', second);
    const kinds = await asked('v2/event-types/51/history');
    require_(kinds.data.eventTypeId === 51 && kinds.data.auditLogs.every((one) => one.actionDisplayTitle && one.actor), 'an event type', kinds);
    const refused = await fetch(`${address}v2/event-types/51/history?limit=51`, { headers: { authorization: `Bearer ${auditor}` } });
    require_(refused.status === 400, 'fifty at most', refused.status);
  },
};

/** A table as Google's administrators have it. */
const COLUMNS = ['Activity name', 'What happened', 'User', 'Calendar ID', 'Target', 'Target ID', 'Recipient', 'Notification', 'Error code', 'Window from', 'Window to', 'API kind', 'User agent', 'IP address'];
const TABLE = {
  async 'GC1 GC2: every column of Google\'s log is there to choose, and the chosen ones are exported'(world) {
    const page = await entered(world, world.houses.google, '?view=table&source=API_V3');
    await page.getByRole('button', { name: /^Columns/ }).click();
    const menu = page.getByRole('dialog', { name: 'Columns' });
    await menu.getByRole('checkbox', { name: 'Calendar ID', exact: true }).waitFor();
    for (const name of COLUMNS) await menu.getByRole('checkbox', { name, exact: true }).check();
    for (const name of ['Result', 'Source']) await menu.getByRole('checkbox', { name, exact: true }).uncheck();
    await page.keyboard.press('Escape');
    const heads = (await texts(page, '.log thead th')).slice(1).map((text) => text.trim());
    require_(heads.length === COLUMNS.length && COLUMNS.every((name) => heads.includes(name)), 'these, and no others', heads);
    const table = await page.locator('.log').innerText();
    for (const text of ['notification_triggered', '@group.calendar.google.com', 'New event', 'bo@example.org', 'notFound', '2026-01-11T00:00:00Z', 'api_v3']) require_(table.includes(text), `the table has ${text}`, table);
    const chosenOnes = (await saved(await exported(page, 'CSV, commas'), 'chosen.csv')).toString();
    require_(String(head(chosenOnes)) === String(['Time', ...heads]), 'the file has them in this order', head(chosenOnes));
    const all = (await saved(await exported(page, 'CSV, commas', { all: true }), 'all.csv')).toString();
    require_(head(all).length > 40 && head(all).includes('Calendar ID') && head(all).includes('Trace ID'), 'or all there are', head(all));
  },

  async 'GC3: filters by user, activity, time, kind and recipient of a notification, which hold together'(world) {
    const page = await entered(world, world.houses.google);
    await chosen(page, 'Actor', 'ada@example.org');
    await chosen(page, 'Action', 'notification_triggered', 'change_event_title');
    await until('two', async () => (await count(page)) === 2);
    await page.locator('.find-row > .button').first().click();
    await page.getByRole('button', { name: 'Last 24 hours' }).click();
    for (const [step, value] of [['Notification', 'New event'], ['Recipient', 'bo@example.org']]) {
      await page.getByRole('group', { name: 'Filters' }).getByRole('button', { name: 'More' }).click();
      await page.getByRole('button', { name: step, exact: true }).click();
      await page.getByRole('button', { name: value }).click();
    }
    await until('one is left', async () => (await count(page)) === 1);
    require_((await page.inputValue('#q')) === 'details:"New event" details:"bo@example.org"', 'sought where rules keep it, and nowhere else', await page.inputValue('#q'));
    await page.locator('.row', { hasText: 'triggered a notification to bo@example.org' }).waitFor();
    // Somebody who is spoken of elsewhere is no recipient.
    await page.fill('#q', 'details:"ada@example.org"');
    await page.press('#q', 'Enter');
    await page.getByText('Nothing matches').waitFor();
    // What stands for an organizational unit: the organization and the team that rules record.
    const office = await entered(world, world.houses.calcom);
    await chosen(office, 'Team', '5');
    await until('the team', async () => (await count(office)) > 0 && office.url().includes('team=5'));
    await office.getByRole('group', { name: 'Filters' }).getByRole('button', { name: 'More' }).click();
    await office.getByRole('button', { name: 'Organization' }).click();
    await office.getByRole('dialog').getByLabel('3').first().check();
    await until('the organization too', async () => (await count(office)) > 0 && office.url().includes('organization=3'));
  },

  async 'GC5 N8: CSV and a workbook hold the whole search'(world) {
    const page = await entered(world, world.houses.google, '?source=API_V3');
    const shown = await count(page);
    const rows = (await saved(await exported(page, 'CSV, semicolons'), 'google.csv')).toString().trim().split('\r\n');
    require_(rows.length === shown + 2 && rows[0].includes('";"'), 'heads, every event, and the end', rows);
    require_(rows.some((row) => row.includes("\"'=Planning+1\"") || row.includes("'=Planning+1")), 'a title that begins as a formula is none', rows);
    const book = await saved(await exported(page, 'Excel workbook'), `google-${shown}-${world.look.size}-${world.look.scheme}.xlsx`);
    require_(book.subarray(0, 2).toString() === 'PK' && book.length > 3_000, 'a workbook', book.length);
    for (const format of ['NDJSON', 'JSON, one document']) {
      const text = (await saved(await exported(page, format, { all: true }), 'any.json')).toString();
      require_(text.split('"exchangeId"').length === shown + 1, `${format} has every event`, text.slice(0, 300));
    }
  },
};

/** An entry as Calenso's managers have it. */
const ENTRY = {
  async 'LC3: filters by worker, type and source'(world) {
    const page = await entered(world, world.houses.calenso, '?category=DATA');
    // Whose token it is, only the token says: that is asked for as what it is.
    await page.getByRole('group', { name: 'Filters' }).getByRole('button', { name: 'More' }).click();
    await page.getByRole('button', { name: 'Claimed actor' }).click();
    await page.getByRole('dialog').getByLabel('Ada').check();
    await page.keyboard.press('Escape');
    await until('hers', async () => (await count(page)) === 2);
    await chosen(page, 'Type', 'Update');
    await chosen(page, 'Source', 'appointments');
    await until('one', async () => (await count(page)) === 1);
    require_(['type=Update', 'source=appointments', 'claimedActor=Ada'].every((filter) => page.url().includes(filter)), 'the address has all three', page.url());
  },

  async 'LC4 LC5 LC7: an entry shows both values, from where and by whom it came, and is a file of its own'(world) {
    const page = await entered(world, world.houses.calenso, '?action=appointments.update');
    await page.locator('.row a').first().click();
    const entry = page.locator('.entry');
    await entry.locator('.changes').waitFor();
    const before = (await texts(page, '.entry del')).join(' ');
    require_(/10/.test(before) && /15/.test((await texts(page, '.entry ins')).join(' ')), 'original and changed', await entry.innerText());
    for (const text of ['Ada', 'ada@example.org', 'auth0|ada']) require_((await entry.innerText()).includes(text), `who: ${text}`, await entry.innerText());
    await page.getByRole('tab', { name: 'Raw' }).click();
    await page.waitForSelector('.json summary');
    for (const folded = page.locator('.json details:not([open]) > summary'); await folded.count();) await folded.first().press('Space');
    for (const time of ['2026-01-10T10:00:00Z', '2026-01-15T10:00:00Z']) require_((await page.locator('.json').innerText()).includes(time), 'raw has both', await page.locator('.json').innerText());
    await page.getByRole('tab', { name: 'Meta' }).click();
    const panel = page.getByRole('tabpanel');
    await until('meta', async () => (await panel.innerText()).includes('Place in the log'));
    for (const text of ['127.0.0.1', '/api/v1/appointments/', 'loginType', 'jwt', 'Firefox 134']) require_((await panel.innerText()).includes(text), `meta says ${text}`, await panel.innerText());
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download this entry' }).first().click()]);
    const kept = JSON.parse((await saved(download, 'one.json')).toString());
    require_(kept.action === 'appointments.update' && kept.changes.length > 0, 'one entry', kept);
  },

  async 'LC6: the whole log leaves for Excel'(world) {
    const page = await entered(world, world.houses.calenso);
    const shown = await count(page);
    const book = await saved(await exported(page, 'Excel workbook', { all: true }), `calenso-all-${world.look.size}-${world.look.scheme}.xlsx`);
    require_(shown >= 5 && book.subarray(0, 2).toString() === 'PK', 'a workbook', book.length);
    const download = await exported(page, 'Parquet');
    const table = await saved(download, `calenso-${world.look.size}-${world.look.scheme}.parquet`);
    const [start, end] = [table.subarray(0, 4), table.subarray(-4)].map(String);
    require_(start === 'PAR1' && end === 'PAR1' && download.suggestedFilename().endsWith('.parquet'), 'a whole table', download.suggestedFilename());
    require_(table.includes('message.text') && !table.includes('client.userAgent'), 'of the columns shown', table.length);
  },

  async 'N12: who has read the log is in the log'(world) {
    const { calenso } = world.houses;
    const owner = await entered(world, calenso, '', calenso.operator);
    await owner.locator('.state').waitFor();
    const page = await entered(world, calenso, '?action=ACCESS_REFUSED');
    await until('a refusal is told', async () => (await texts(page, '.row .byline')).some((text) => text.includes('Holder of operator')), 100_000);
    await page.goto(`${calenso.address}?action=SIGNED_IN`);
    await until('and who signed in', async () => (await texts(page, '.row')).some((text) => text.includes('Holder of the admin token')));
  },
};

/** What is handed on, and taken back. */
const SHARING = {
  async 'N13: a booking is shared by a link, which shows that booking, in sentences, until it is revoked'(world) {
    const { calcom } = world.houses;
    const page = await entered(world, calcom, '?action=RESCHEDULED&source=API_V2');
    require_(await page.getByRole('button', { name: 'Share' }).isHidden(), 'not for a search of many things', page.url());
    await page.locator('.row a').first().click();
    await page.getByRole('link', { name: 'Everything about this booking' }).click();
    await page.getByRole('button', { name: 'Share' }).click();
    const menu = page.getByRole('dialog', { name: 'Share by a link' });
    const name = `For the tax office, ${world.look.size}, ${world.look.scheme}`;
    await menu.getByLabel('For whom').fill(name);
    await menu.getByLabel('Good for').selectOption({ label: 'a day' });
    await menu.getByRole('button', { name: 'Make the link' }).click();
    await menu.getByText('The link is made').waitFor();
    const address = await menu.getByLabel('Address').inputValue();
    require_(address.startsWith(`${calcom.address}#link=earwitness_`), 'an address to hand on', address);
    const guest = await world.open(address, world.look);
    await until('the booking', async () => (await count(guest)) >= 2);
    require_((await texts(guest, '.row .sentence')).every((text) => /[Bb]ooking/.test(text)), 'this booking alone', await texts(guest, '.row .sentence'));
    require_(await guest.getByRole('button', { name: 'Share' }).isHidden(), 'who was given a link hands on none', '');
    await guest.locator('.row a').first().click();
    await guest.getByRole('tab', { name: 'Raw' }).click();
    await guest.waitForSelector('.json summary');
    require_(!/127\.0\.0\.1|"client"|"changes"/.test(await guest.locator('.json').innerText()), 'no address, no values', await guest.locator('.json').innerText());
    require_((await guest.getByRole('tab', { name: 'Proof' }).count()) === 0, 'and no place in the log', '');
    await page.keyboard.press('Escape');
    await page.locator('.tools > button').last().click();
    await page.getByRole('button', { name: 'Show and revoke links' }).click();
    await page.getByRole('button', { name: `Revoke ${name}` }).click();
    await page.getByRole('button', { name: `Revoke ${name}` }).waitFor({ state: 'detached' });
    await guest.goto('about:blank');
    await guest.goto(address);
    await until('it is good no more', async () => (await guest.locator('.state').innerText()).includes('good no more'));
  },
};

const RULES = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };

/** Once, after all others: what is erased stays so. */
const ERASING = {
  async 'erased values are shown as such, with when it was done and by whom, and verify'(world) {
    const { address, auditor, operator } = world.houses.calenso;
    const send = async (body, token = auditor) => (await fetch(`${address}audit/v1/erasure`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })).json();
    const subject = ['bo@example.org', 'auth0|bo'];
    const { plan } = await until('it is known what would go', async () => {
      const told = await send({ subject });
      return told.plan ? told : null;
    });
    const first = await send({ subject, confirm: plan.id });
    require_(first.awaiting.length === 1 && !first.last, 'a second person is asked for', first);
    const overview = await entered({ ...world, look: { size: 'desktop', scheme: 'light' } }, world.houses.calenso, '?view=overview');
    const log = overview.getByRole('region', { name: 'The log itself' });
    await until('what waits', async () => (await log.innerText()).includes(`${plan.id}, confirmed by admin.token, until `));
    await send({ subject, confirm: plan.id }, operator);
    await until('it is erased', async () => (await (await fetch(`${address}audit/v1/erasure`, { headers: { authorization: `Bearer ${auditor}` } })).json()).last?.events > 1);
    for (const [size, scheme] of LOOKS) {
      const page = await entered({ ...world, look: { size, scheme } }, world.houses.calenso, '?action=slots.create');
      const who = page.locator('.row .who .erased');
      await who.waitFor();
      require_(/^erased [0-9a-f]{4}$/.test(await who.textContent()) && /same person/.test(await who.getAttribute('title')), 'a word, and what it means', await who.textContent());
      const table = await entered({ ...world, look: { size, scheme } }, world.houses.calenso, '?action=slots.create&view=table&cols=message,ip');
      require_(/erased$/.test(await table.locator('tr[data-id]').first().innerText()), 'no address in its column', await table.locator('tr[data-id]').first().innerText());
      await page.locator('.row a').first().click();
      const told = page.locator('.entry .erasure');
      await until('when, and by whose word', async () => /were erased.*confirmed by admin\.token/s.test(await told.innerText()));
      require_(/from erased/.test(await page.locator('.entry .facts').first().innerText()), 'also the address', await page.locator('.entry').innerText());
      await page.evaluate(world.axe);
      const found = await page.evaluate((rules) => window.axe.run(document, rules), RULES);
      require_(!found.violations.length, 'axe finds nothing', found.violations.map(({ id, nodes }) => [id, nodes[0].failureSummary]));
      await page.getByRole('tab', { name: 'Proof' }).click();
      await until('it still verifies', async () => /Proof of inclusion checked|Not yet sealed/.test(await page.locator('.proof').innerText()));
      await told.getByRole('link').click();
      await until('the event that tells it', async () => /are erased, of one person/.test(await page.locator('.entry .said').innerText()));
    }
  },
};

/** Every walk in each look. */
const walks = Object.entries({ ...READING, ...SEEING, ...TABLE, ...ENTRY, ...SHARING });
const all = LOOKS.flatMap(([size, scheme]) => walks.map(([name, walk]) => [`${name} (${size}, ${scheme})`, (world) => walk({ ...world, look: { size, scheme } })]));
module.exports = { ...Object.fromEntries(all), ...ERASING };
