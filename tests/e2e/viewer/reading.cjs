// Reading: the timeline, its days and keys, an entry and its tabs, and the whole of it while events arrive. Over the
// demonstration where it has what is asked; over a week of made events where it cannot.

const { require_, until } = require('./browser.cjs');
const { STORIES, counting, gap, made, week } = require('./made.cjs');

const NOW = () => Date.now();
// What the document says, not what is painted: a row that was not looked at yet is not laid out and has no inner text.
const texts = (page, selector) => page.locator(selector).allTextContents();

module.exports = {
  async 'the timeline tells in sentences who did what, newest first'({ open, address }) {
    const page = await open(`${address}?q=glasses`);
    await page.waitForSelector('.row[data-id]');
    const said = await texts(page, '.row .sentence');
    const moved = said.findIndex((text) => text.startsWith('Ben Becker moved Glasses fitting from Feb 3, 2026 09:00 UTC to Feb 10'));
    const made_ = said.findIndex((text) => text.startsWith('Ben Becker booked Glasses fitting'));
    require_(moved >= 0 && made_ > moved, 'moved stands above booked', said);
    const row = page.locator('.row', { hasText: 'moved Glasses' }).first();
    for (const text of [/member/, /booking/, /success/, /API/, /ago|now/]) require_(text.test(await row.textContent()), `the row says ${text}`, await row.textContent());
    require_((await row.locator('svg[role=img]').first().getAttribute('aria-label')) === 'Booking', 'the drawing has a name', await row.innerHTML());
    require_(/\d{4}/.test(await row.locator('time').getAttribute('title')), 'the exact time is there on hover', '');
  },

  async 'who acts for somebody else is told with whom, and a claim is told as one'({ open, address }) {
    const page = await open(address + '?action=BOOKING_CHANGED');
    await page.waitForSelector('.row .behalf');
    require_((await texts(page, '.behalf'))[0].includes('as Chloe Conti'), 'on behalf of', await texts(page, '.byline'));
    await page.goto(address + '?action=LOGIN');
    await page.waitForSelector('.unsure');
    require_((await texts(page, '.unsure')).includes('claimed'), 'a claim', await texts(page, '.byline'));
  },

  async 'days part the list, and the zone is the reader\'s or UTC'({ open, address }) {
    const answers = { events: week(400, NOW()) };
    const page = await open(address, { answers });
    await page.waitForSelector('.day');
    require_((await page.locator('.day').last().innerText()).includes('loaded so far'), 'a day that is not loaded whole says so', await page.locator('.day').last().innerText());
    await until('two days are there', async () => (await page.locator('.day').count()) > 1 || page.mouse.wheel(0, 4_000));
    await page.evaluate(() => scrollTo(0, 0));
    await until('the top is back', async () => (await page.locator('.row').first().getAttribute('data-id')) === answers.events[0].id);
    const utc = await page.locator('.row time').first().textContent();
    await page.keyboard.press('u');
    await until('the clock moves', async () => (await page.locator('.row time').first().textContent()) !== utc);
    require_(page.url().includes('tz=local'), 'the address has the zone', page.url());
    await page.getByRole('button', { name: 'UTC' }).click();
    await until('and back', async () => (await page.locator('.row time').first().textContent()) === utc);
  },

  async 'a gap in the recording stands out, and a note that the page does not know is shown by its code'({ open, address }) {
    const answers = { events: [gap(21, NOW()), ...week(20, NOW() - 60_000)] };
    const page = await open(address, { answers });
    await page.locator('.row.is-gap', { hasText: 'could not be recorded' }).locator('a').click();
    await until('the note', async () => (await page.locator('.entry .notes').innerText()).includes('a-code-of-a-later-version'));
    require_((await page.locator('.row.is-gap svg').first().getAttribute('aria-label')) === 'The log itself', 'it is the log that speaks', '');
  },

  async 'the list goes on as it is scrolled, and stays small in the page'({ open, address }) {
    const answers = { events: week(3_000, NOW()) };
    const page = await open(address, { answers });
    await page.waitForSelector('.row[data-id]');
    await until('all is loaded', async () => {
      await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
      return (await page.locator('.end').innerText()).includes('That is all: 3,000 events');
    }, 40_000);
    const rows = await page.locator('.row[data-id]').count();
    require_(rows < 700, 'rows far from the window are not in the page', rows);
    await page.evaluate(() => scrollTo(0, 0));
    await until('the first row is back', async () => (await page.locator('.row').first().getAttribute('data-id')) === answers.events[0].id);
  },

  async 'a new event slides in at the top, and waits for a reader who is further down'({ open, address }) {
    const answers = { events: week(300, NOW()) };
    const page = await open(address, { answers });
    await page.waitForSelector('.row[data-id]');
    const arrive = (sequence) => answers.events.unshift(made(sequence, NOW(), STORIES[0], `x${sequence}`));
    arrive(301);
    await until('it is there', async () => (await page.locator('.row').first().getAttribute('data-id')) === answers.events[0].id);
    await page.mouse.wheel(0, 2_000);
    await until('the page is scrolled', () => page.evaluate(() => scrollY > 500));
    arrive(302);
    const newer = page.getByRole('button', { name: 'Show 1 newer event' });
    await newer.waitFor();
    await page.keyboard.press('.');
    await until('it is shown', async () => (await page.locator('.row').first().getAttribute('data-id')) === answers.events[0].id);
    await page.keyboard.press('p');
    require_((await page.locator('.live').getAttribute('aria-pressed')) === 'false', 'p pauses', '');
  },

  async 'what tells of reading alone slides in, and nothing is counted anew for it'({ open, address }) {
    const events = week(20, NOW());
    const answers = { events, routes: counting(events) };
    const asked = [];
    const page = await open(address, { answers, before: (fresh) => fresh.on('request', (one) => asked.push(new URL(one.url()).pathname.split('/').at(-1))) });
    const times = (name) => asked.filter((one) => one === name).length;
    await page.waitForSelector('.row[data-id]');
    await until('it was counted', () => times('histogram') > 0);
    const before = times('histogram');
    const arrive = (sequence, more = {}) => answers.events.unshift({ ...made(sequence, NOW(), STORIES[0], `x${sequence}`), ...more });
    arrive(301, { action: 'LOG_READ', source: 'EARWITNESS', rule: { id: 'earwitness/read', version: '1' } });
    await until('it is there', async () => (await page.locator('.row').first().getAttribute('data-id')) === answers.events[0].id);
    const looks = times('events');
    await until('it was looked again', () => times('events') > looks);
    require_(times('histogram') === before, 'reading that is told is no reason to read', asked);
    arrive(302);
    await until('what else arrives is counted', () => times('histogram') > before);
  },

  async 'what is recorded comes by the tail, which goes on where it broke off'({ open, address, proxy }) {
    const act = (name) => fetch(`${proxy}/login`, { method: 'POST', body: new URLSearchParams({ username: name, password: 'wrong' }), redirect: 'manual' });
    const places = [];
    const page = await open(`${address}?action=LOGIN`, { before: (fresh) => fresh.on('request', (asked) => asked.url().includes('/tail') && places.push(asked.headers()['last-event-id'] ?? null)) });
    const follows = page.waitForResponse((answer) => answer.url().includes('/audit/v1/tail?action=LOGIN') && answer.ok());
    await page.waitForSelector('.row[data-id]');
    await follows;
    // The page asks for what it missed while the tail began; from then on nothing but the tail may tell it.
    await page.waitForResponse((answer) => answer.url().includes('/audit/v1/events?') && answer.ok());
    await page.route(/audit.v1.events\?/, (route) => route.abort());
    const count = () => page.locator('.row[data-id]').count();
    const before = await count();
    await act('ben');
    await until('it slid in', async () => (await count()) === before + 1);
    await page.keyboard.press('p');
    await act('ben');
    await page.keyboard.press('p');
    await until('what came while it was paused is there, once', async () => (await count()) === before + 2);
    require_(places.length >= 2 && places[0] === null && places.at(-1) !== null, 'the second tail went on from a place', places);
  },

  async 'keys lead through the list: j, k, Enter, Esc, slash'({ open, address }) {
    const answers = { events: week(120, NOW()) };
    const page = await open(address, { answers });
    await page.waitForSelector('.row[data-id]');
    const focused = () => page.evaluate(() => document.activeElement.dataset.entry ?? document.activeElement.id);
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    require_((await focused()) === answers.events[1].id, 'j goes down', await focused());
    await page.keyboard.press('k');
    require_((await focused()) === answers.events[0].id, 'k goes up', await focused());
    await page.keyboard.press('Enter');
    await page.waitForSelector('.entry');
    await page.keyboard.press('j');
    await until('the entry below is shown', async () => page.url().includes(answers.events[1].id));
    require_((await page.locator('.row[aria-current]').getAttribute('data-id')) === answers.events[1].id, 'and its row is marked', '');
    await page.keyboard.press('Escape');
    await page.waitForSelector('.entry', { state: 'detached' });
    require_((await focused()) === answers.events[1].id, 'the focus is back in the list', await focused());
    await page.keyboard.press('/');
    require_((await focused()) === 'q', 'slash searches', await focused());
    await page.keyboard.type('jk');
    require_((await page.inputValue('#q')) === 'jk', 'keys are letters there', '');
    await page.keyboard.press('Escape');
    await page.keyboard.press('v');
    await page.waitForSelector('.is-dense');
  },

  async 'an entry shows what changed, word by word and item by item, and how the values before were had'({ open, address }) {
    const answers = { events: week(20, NOW()) };
    const page = await open(address, { answers });
    await page.locator('.row', { hasText: 'rescheduled from' }).first().locator('a').click();
    await page.waitForSelector('.entry .changes');
    const gone = (await texts(page, '.entry del')).map((text) => text.replace(/^removed:\s*/, '').trim());
    require_(gone.includes('Sat 10') && gone.includes('4'), 'words that went', gone);
    const items = await texts(page, '.entry .items li');
    require_(items.some((text) => text.includes('Chloe Martin, chloe.m@mail.example')), 'an item that went', items);
    const entry = await page.locator('.entry').innerText();
    for (const text of ['Lena Fischer', 'Tom Becker', 'Knee follow-up', 'bk_7Hd02kTz', 'were read from the application', 'Nothing tells'].slice(0, 5)) require_(entry.includes(text), `the entry says ${text}`, entry);
  },

  async 'raw is the record as stored, meta tells from where, and tabs go by arrows'({ open, address }) {
    const page = await open(`${address}?action=BOOKING_MOVED`);
    await page.locator('.row a').first().click();
    await page.getByRole('tab', { name: 'Raw' }).click();
    await page.waitForSelector('.json summary');
    require_((await page.locator('.json').innerText()).includes('"leaf"'), 'the raw record', '');
    require_(page.url().includes('tab=raw'), 'the address has the tab', page.url());
    await page.keyboard.press('ArrowRight');
    const meta = page.getByRole('tabpanel');
    await until('meta is shown', async () => (await meta.innerText()).includes('Place in the log'));
    const text = await meta.innerText();
    for (const wanted of ['127.0.0.1', 'Login type', 'Trace ID', 'legacy/booking.moved', 'User agent', '/api/bookings/']) require_(text.includes(wanted), `meta says ${wanted}`, text);
    await page.goto(page.url());
    await until('the address opens the same', async () => (await page.getByRole('tabpanel').innerText()).includes('Place in the log'));
  },

  async 'from an entry to everything about its booking and by its person'({ open, address }) {
    const page = await open(`${address}?action=BOOKING_MOVED`);
    await page.locator('.row a').first().click();
    await page.getByRole('link', { name: 'Everything about this booking' }).click();
    await until('three or more events of the booking', async () => (await page.locator('.row[data-id]').count()) >= 3);
    require_(/about=booking%3A103/.test(page.url()), 'by its identifier', page.url());
    await page.locator('.row a').first().click();
    await page.getByRole('link', { name: 'Everything by Ben Becker' }).click();
    await until('his events', async () => page.url().includes('actor=ben'));
    await page.goBack();
    await until('back is back', async () => page.url().includes('about=booking%3A103'));
    require_((await page.locator('.chip').innerText()).includes('History of: booking 103'), 'the box says so', await page.locator('.chip').innerText());
  },
};
