// Finding: over the real query endpoint, so that what the page asks is what the server takes.

const { require_, until } = require('./browser.cjs');
const { week } = require('./made.cjs');

const rows = (page) => page.locator('.row[data-id]').count();
const chips = (page) => page.locator('.chip').allInnerTexts();

module.exports = {
  async 'words and typed fields find, stand in the address, and outlive a reload'({ open, address }) {
    const page = await open(address);
    await page.waitForSelector('.row[data-id]');
    await page.fill('#q', 'action:BOOKING_CANCELLED result:denied booking');
    await page.press('#q', 'Enter');
    await until('one kind of event is left', async () => (await page.locator('.row:not(:has-text("cancel"))').count()) === 0 && (await rows(page)) > 0);
    require_((await chips(page)).join(' ').includes('denied'), 'chips', await chips(page));
    const found = await rows(page);
    await page.goto(page.url());
    await until('the same after a reload', async () => (await rows(page)) === found);
    require_((await page.inputValue('#q')) === 'booking', 'the words', await page.inputValue('#q'));
    await page.locator('.chip button').first().click();
    await until('a chip less', async () => (await chips(page)).length === 1);
    await page.focus('#q');
    await page.fill('#q', '');
    await page.press('#q', 'Backspace');
    await until('Backspace takes the last', async () => (await chips(page)).length === 0);
  },

  async 'the box completes fields and their values'({ open, address }) {
    const page = await open(address);
    await page.waitForSelector('.row[data-id]');
    await page.focus('#q');
    await page.keyboard.type('act');
    await page.waitForSelector('#suggestions [role=option]');
    require_((await page.locator('#suggestions').innerText()).includes('actor:'), 'fields', '');
    await page.fill('#q', '');
    await page.keyboard.type('actor:al');
    await page.locator('#suggestions [role=option]', { hasText: 'Alma Adams' }).waitFor();
    await page.keyboard.press('ArrowDown');
    require_((await page.getAttribute('#q', 'aria-activedescendant')) === 'suggestion-0', 'the first is chosen', '');
    await page.keyboard.press('Enter');
    await until('a chip', async () => (await chips(page)).join().includes('Alma Adams'));
  },

  async 'a field that does not exist is told with the nearest'({ open, address }) {
    const page = await open(address);
    await page.waitForSelector('.row[data-id]');
    await page.fill('#q', 'actr:alma');
    await page.press('#q', 'Enter');
    await until('it is told', async () => (await page.locator('.wrong').innerText()).includes('did you mean actor'));
  },

  async 'a drop-down counts, says of how many, and narrows'({ open, address }) {
    const page = await open(address);
    await page.waitForSelector('.row[data-id]');
    await page.getByRole('group', { name: 'Filters' }).getByRole('button', { name: 'Result' }).click();
    const menu = page.getByRole('dialog', { name: 'Result' });
    await until('values with counts', async () => /success\s*\d+/.test(await menu.innerText()));
    require_(/all \d+ events|of the newest 500/.test(await menu.innerText()), 'of how many', await menu.innerText());
    await menu.getByLabel('failure').check();
    await menu.getByLabel('denied').check();
    await until('only those', async () => (await page.locator('.row.is-success').count()) === 0 && (await rows(page)) > 1);
    require_(/result=failure&result=denied/.test(page.url()), 'the address', page.url());
    await page.keyboard.press('Escape');
    await page.waitForSelector('#menu', { state: 'detached' });
  },

  async 'a span of time by a preset, by two moments, and by dragging over the chart'({ open, address }) {
    const page = await open(address);
    await page.waitForSelector('.row[data-id]');
    const button = page.locator('.find-row > .button').first();
    await button.click();
    await page.getByRole('button', { name: 'Last 24 hours' }).click();
    require_(page.url().includes('from=-24h'), 'a preset moves with the clock', page.url());
    require_((await button.innerText()).includes('Last 24 hours'), 'the button says it', await button.innerText());
    await button.click();
    await page.fill('#range-from', '2020-01-01T00:00');
    await page.fill('#range-to', '2020-01-02T00:00');
    await page.getByRole('button', { name: 'Apply' }).click();
    await until('nothing was then', async () => (await page.locator('.state').innerText()).includes('Nothing matches'));
    await page.getByRole('button', { name: 'Search all time' }).click();
    await page.waitForSelector('.row[data-id]');
    const box = await page.locator('.chart-plot').boundingBox();
    await page.mouse.move(box.x + 2, box.y + 10);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + 10, { steps: 4 });
    await page.mouse.up();
    // A log that has just begun is one bar, which reaches up to now.
    await until('the address has the span', async () => /from=\d{4}-/.test(page.url()));
  },

  async 'where the log counts, figures are of all of it: in the head, the chart, the drop-downs and the completion'({ open, address }) {
    const asked = [];
    const hour = 3_600_000;
    const start = Math.floor(Date.now() / hour) * hour - 5 * hour;
    const buckets = [[0, 40_000, { success: 39_990, denied: 10 }], [3, 1_200_000, { success: 1_199_000, failure: 1_000 }]].map(([at, count, results]) => ({ from: new Date(start + at * hour).toISOString(), count, results }));
    const routes = {
      histogram: (route, url) => asked.push(url.searchParams.get('interval')) && route.fulfill({ json: { data: buckets, interval: url.searchParams.get('interval'), isCut: false } }),
      facets: (route, url) => route.fulfill({ json: { data: Object.fromEntries(url.searchParams.getAll('facet').map((field) => [field, field === 'actor' ? [{ value: 'u4', name: 'Jordis Nowak', count: 1_239_000 }, { value: 'u5', count: 1_000 }] : []])), total: { count: 1_240_000, atLeast: true }, isCut: false } }),
    };
    const page = await open(address, { answers: { events: week(70, Date.now()), routes } });
    await until('the head counts all', async () => (await page.locator('.total').innerText()).startsWith('1,240,000'));
    require_(asked[0] === 'month' && asked.at(-1) === 'minute', 'a search through all time is looked at coarsely, then finely', asked);
    require_((await page.locator('.chart svg').getAttribute('aria-label')).includes('1,240,000 in all, 1,000 failed, 10 denied'), 'the chart has the sums', await page.locator('.chart svg').getAttribute('aria-label'));
    await page.getByRole('group', { name: 'Filters' }).getByRole('button', { name: 'Actor' }).click();
    const menu = page.getByRole('dialog', { name: 'Actor' });
    await until('names stand for identifiers', async () => /Jordis Nowak\s*1,239,000/.test(await menu.innerText()));
    require_((await menu.innerText()).includes('at least 1,240,000 events'), 'of how many', await menu.innerText());
    await menu.getByLabel('Jordis Nowak').check();
    await until('the identifier is asked for', () => page.url().includes('actor=u4'));
    require_((await chips(page)).join().includes('Jordis Nowak'), 'the chip has the name', await chips(page));
    await page.keyboard.press('Escape');
    const box = await page.locator('.chart-plot').boundingBox();
    await page.mouse.click(box.x + 2, box.y + 10);
    await until('a click on a bar narrows to it', async () => new URL(page.url()).searchParams.get('from') === new Date(start).toISOString());
    await page.goto(`${address}?view=overview`);
    for (const name of ['What and who', 'Worth a look']) await until(`${name}: of how many`, async () => (await page.getByRole('region', { name }).innerText()).includes('at least 1,240,000 events'));
  },

  async 'filters that are wanted less often stand behind More, those of notifications among them'({ open, address }) {
    const events = week(60, Date.now());
    events[0].details = { notificationType: 'Cancelled event', recipientEmail: 'a@x.org' };
    const page = await open(address, { answers: { events } });
    await page.waitForSelector('.row[data-id]');
    const more = page.getByRole('group', { name: 'Filters' }).getByRole('button', { name: 'More' });
    await more.click();
    await page.getByRole('button', { name: 'Organization' }).click();
    await page.getByLabel('Harbour Clinics').check();
    require_(page.url().includes('organization=Harbour+Clinics'), 'the address', page.url());
    await page.keyboard.press('Escape');
    await more.click();
    await page.getByRole('button', { name: 'Notification' }).click();
    await page.getByRole('button', { name: 'Cancelled event' }).click();
    await until('it is searched for as a phrase', async () => (await page.inputValue('#q')) === 'details:"Cancelled event"');
  },

  async 'what is typed with a minus before it is left out'({ open, address }) {
    const page = await open(address, { answers: { events: week(60, Date.now()) } });
    await page.waitForSelector('.row[data-id]');
    await page.focus('#q');
    await page.keyboard.type('-result:fail');
    await page.locator('#suggestions [role=option]', { hasText: 'failure' }).click();
    await until('the address has it', () => new URL(page.url()).searchParams.get('q') === '-result:failure');
    require_((await chips(page)).length === 0, 'no chip, which would be the contrary', await chips(page));
  },

  async 'a search that finds nothing says what to leave out'({ open, address }) {
    const page = await open(`${address}?result=denied&q=nobodywrotethis`);
    await page.getByRole('button', { name: 'Drop “nobodywrotethis”' }).click();
    await page.waitForSelector('.row[data-id]');
    require_(!page.url().includes('nobody'), 'the word is gone', page.url());
  },

  async 'a search is kept under a name, and forgotten'({ open, address }) {
    const page = await open(`${address}?result=denied`);
    await page.waitForSelector('.row[data-id]');
    await page.getByRole('button', { name: 'Saved' }).click();
    await page.fill('#saved-name', 'Refusals <b>today</b>');
    await page.getByRole('button', { name: 'Keep' }).click();
    await page.goto(address);
    await page.waitForSelector('.row[data-id]');
    await page.getByRole('button', { name: 'Saved' }).click();
    await page.getByRole('link', { name: 'Refusals <b>today</b>' }).click();
    await until('the search is back', async () => page.url().includes('result=denied'));
    await page.getByRole('button', { name: 'Saved' }).click();
    await page.getByRole('button', { name: /Forget Refusals/ }).click();
    await until('it is forgotten', async () => (await page.locator('#menu').innerText()).includes('No searches'));
  },

  async 'a query that the server refuses is told in its words'({ open, address }) {
    const page = await open(`${address}?ip=not-an-address`);
    await until('it is told', async () => (await page.locator('.state').innerText()).includes('does not understand'));
    require_(/ip/.test(await page.locator('.state').innerText()), 'the server\'s reason', await page.locator('.state').innerText());
  },

  async 'the overview counts, leads to searches, and tells how the recorder is'({ open, address }) {
    // The demonstration's office refuses whatever it does not know, so that it has no blind spots.
    const spot = { method: 'POST', path: '/api/bookings/{id}/notes', unmatched: 14, unrecorded: 0, statuses: { '2xx': 14 }, firstSeen: '2026-11-22T09:12:44Z', lastSeen: '2026-11-22T09:13:01Z', clients: 1, values: {} };
    const silent = { rule: 'office/note.added', lastFired: '2026-11-21T17:30:00Z', usualGapS: 600, requestsSince: 85, like: [{ method: 'POST', path: spot.path }] };
    const page = await open(`${address}?view=overview`, { before: (fresh) => fresh.route(/blind-spots/, (route) => route.fulfill({ json: { data: [spot], unlearned: { '4xx': 2 }, silent: [silent] } })) });
    const section = (name) => page.locator(`section[aria-label="${name}"]`);
    await until('health', async () => (await section('The log itself').count()) && /ready/.test(await section('The log itself').innerText()));
    require_(/all \d+ events|of the newest 500/.test(await section('What and who').innerText()), 'of how many', await section('What and who').innerText());
    require_((await section('Blind spots').innerText()).includes('/api/bookings/{id}/notes'), 'a blind spot', await section('Blind spots').innerText());
    require_(/office\/note\.added has not recorded.*Now perhaps: POST \/api\/bookings\/\{id\}\/notes/s.test(await section('Blind spots').innerText()), 'a silent rule', await section('Blind spots').innerText());
    await section('Worth a look').getByRole('link', { name: /Ben Becker/ }).first().click();
    await page.waitForSelector('.row[data-id]');
    require_(/actor=Ben\+Becker&result=failure&result=denied|result=failure/.test(page.url()), 'a search', page.url());
  },
};
