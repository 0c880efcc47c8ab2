// Enduring: hostile events, a log that is busy, broken, away or locked, and one that holds nothing.

const { require_, until } = require('./browser.cjs');
const { hostile, week } = require('./made.cjs');

const state = (page) => page.locator('.state').innerText();

/** Nothing of an event became an element, ran, or is hidden. THREATS Q05, Q06. */
async function harmless(page, where) {
  const found = await page.evaluate(() => ({
    hacked: window.hacked ?? null,
    made: [...document.querySelectorAll('script, img, iframe, object, embed, style, base, form[action], svg [onload], [onerror], [onload]')].map((element) => element.outerHTML.slice(0, 200)).filter((text) => !/assets\/js\/(first|main)\.js/.test(text)),
    links: [...document.querySelectorAll('a[href]')].map((link) => link.href).filter((address) => !/^https?:/.test(address)),
    hidden: document.body.innerText.match(/[\u0000-\u0008\u202a-\u202e\u2066-\u2069\u200b]/)?.[0] ?? null,
    isPolluted: Boolean({}.polluted),
  }));
  const isHarmless = found.hacked === null && !found.made.length && !found.links.length && found.hidden === null && !found.isPolluted;
  require_(isHarmless, `harmless in ${where}`, found);
}

module.exports = {
  async 'a hostile event is text in every view'({ open, address }) {
    const answers = { events: [hostile(41, Date.now() - 1_000), ...week(40, Date.now() - 60_000)] };
    const columns = 'message,who,result,target,source,title,type,category,behalf,email,role,reason,error,changes,userAgent,url,notes,details';
    for (const size of ['desktop', 'phone']) {
      for (const view of ['', '?view=table', `?view=table&cols=${columns}`, '?view=overview']) {
        const page = await open(address + view, { answers, size });
        await page.waitForSelector(view.includes('overview') ? '.facet' : '[data-id]');
        await harmless(page, `${view} on a ${size}`);
        await page.context().close();
      }
      for (const tab of ['changes', 'raw', 'meta']) {
        const page = await open(`${address}?e=${answers.events[0].id}&tab=${tab}`, { answers, size });
        await page.waitForSelector('.entry .said');
        require_((await page.locator('.entry').innerText()).includes('U+202E'), 'an override is shown by its code', '');
        const length = await page.evaluate(() => document.body.innerText.length);
        require_(length < 60_000, 'a megabyte does not stand in the page by itself', length);
        await harmless(page, `${tab} on a ${size}`);
        await page.context().close();
      }
    }
  },

  async 'hostile values are searched for and completed as text'({ open, address }) {
    const answers = { events: [hostile(1, Date.now())] };
    const page = await open(address, { answers });
    await page.waitForSelector('.row[data-id]');
    await page.getByRole('group', { name: 'Filters' }).getByRole('button', { name: 'Actor' }).click();
    await page.locator('#menu input[type=checkbox]').first().check();
    await page.waitForSelector('.chip');
    await harmless(page, 'a chip');
    await page.keyboard.press('Escape');
    await page.fill('#q', '');
    await page.focus('#q');
    await page.keyboard.type('script');
    await page.waitForSelector('#suggestions [role=option]');
    await harmless(page, 'suggestions');
    await page.fill('#q', '<img src=x onerror=window.hacked=1>');
    await page.press('#q', 'Enter');
    await page.waitForSelector('.row[data-id], .state');
    await harmless(page, 'the search');
  },

  async 'a long value shows its beginning, its size, and more when asked'({ open, address }) {
    const answers = { events: [hostile(1, Date.now())] };
    const page = await open(`${address}?e=${answers.events[0].id}`, { answers });
    const long = page.locator('.facts .long', { hasText: /of 1,\d{3},\d{3} characters/ });
    await long.waitFor();
    require_(/420 of 1,\d{3},\d{3} characters/.test(await long.innerText()), 'its size', (await long.innerText()).slice(-200));
    await long.getByRole('button', { name: 'Show 4,000 more' }).click();
    require_((await long.innerText()).includes('4,420 of'), 'more of it', (await long.innerText()).slice(-200));
  },

  async 'raw keeps every digit of a number'({ open, address }) {
    const event = week(1, Date.now())[0];
    const page = await open(`${address}?e=${event.id}&tab=raw`, { answers: { events: [event] }, before: (raw) => raw.route(/events\/019ab0c4/, (route) => route.fulfill({ contentType: 'application/json', body: JSON.stringify(event).replace('"format":1', '"format":12345678901234567890.10') })) });
    await until('the number as written', async () => (await page.locator('.json').innerText()).includes('12345678901234567890.10'));
  },

  async 'a listener with a token asks for it, keeps it from other pages, and takes no wrong one'({ open, guarded, token }) {
    const page = await open(guarded);
    await page.waitForSelector('#token');
    await page.fill('#token', 'not-the-token');
    await page.keyboard.press('Enter');
    await until('it is told', async () => (await state(page)).includes('not known here'));
    await page.fill('#token', token);
    await page.keyboard.press('Enter');
    // What stands there is the start of the recording.
    await page.waitForSelector('.row[data-id] .kind-record');
    await page.reload();
    await page.waitForSelector('.row[data-id]');
    require_((await page.locator('#token').count()) === 0, 'a reload asks nothing', '');
    const kept = await page.evaluate(() => ({ local: JSON.stringify(localStorage), cookies: document.cookie, address: location.href }));
    require_(!JSON.stringify(kept).includes(token), 'it is in the session alone', kept);
    const other = await open(guarded);
    await other.waitForSelector('#token');
    await page.locator('.tools > button').last().click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForSelector('#token');
  },

  async 'what one reader may not see is asked for anew when another signs in'({ open, guarded, token }) {
    let asked = 0;
    const refuse = (route) => (asked += 1) && route.fulfill({ status: 403, contentType: 'application/problem+json', json: { status: 403, detail: 'This address is for auditors.' } });
    const page = await open(guarded, { before: (fresh) => fresh.route(/audit\/v1\/histogram/, refuse) });
    const enter = async () => {
      await page.waitForSelector('#token');
      await page.fill('#token', token);
      await page.keyboard.press('Enter');
      await page.waitForSelector('.row[data-id]');
    };
    await enter();
    await until('it was asked for', () => asked > 0);
    await page.locator('.tools > button').last().click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForSelector('#token');
    const before = asked;
    await enter();
    await until('it is asked for again', () => asked > before);
  },

  async 'a log of which nothing is known yet says how the first event comes'({ open, address }) {
    const answers = { events: [] };
    const page = await open(address, { answers });
    await until('it is told', async () => (await state(page)).includes('No events yet'));
    answers.events = week(1, Date.now());
    await page.waitForSelector('.row[data-id]');
  },

  async 'an error says the cause and the next step, and the page recovers'({ open, address }) {
    const answers = { events: week(10, Date.now()), fail: (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', json: { status: 500, detail: 'The log cannot be read.' } }) };
    const page = await open(address, { answers });
    await until('the error', async () => (await state(page)).includes('The log could not be read'));
    require_((await state(page)).includes('The log cannot be read.'), 'the server\'s words', await state(page));
    require_((await page.locator('.total').innerText()) === '', 'no number of what nobody could count', await page.locator('.total').innerText());
    answers.fail = null;
    await page.getByRole('button', { name: 'Try now' }).click();
    await page.waitForSelector('.row[data-id]');
  },

  async 'what is read stays readable when the log is away, with the time it is of'({ open, address }) {
    const answers = { events: week(10, Date.now()) };
    const page = await open(address, { answers });
    await page.waitForSelector('.row[data-id]');
    answers.fail = (route) => route.abort('connectionrefused');
    await until('the band', async () => (await page.locator('.band').count()) && /Not connected/.test(await page.locator('.band').innerText()));
    require_(/as of \d\d:\d\d:\d\d/.test(await page.locator('.band').innerText()) && (await page.locator('.row[data-id]').count()) === 10, 'the list stays', await page.locator('.band').innerText());
    const filled = () => page.locator('.live .pulse').evaluate((dot) => getComputedStyle(dot).backgroundColor !== 'rgba(0, 0, 0, 0)');
    require_(!(await filled()), 'nothing is live', '');
    answers.fail = null;
    await until('and live again', filled);
    await until('the band goes', async () => (await page.locator('.band').count()) === 0);
  },

  async 'somebody who may not see it is told so'({ open, address }) {
    const answers = { events: [], fail: (route) => route.fulfill({ status: 403, contentType: 'application/problem+json', json: { status: 403, detail: 'Pages of other origins cannot read the audit log.' } }) };
    const page = await open(address, { answers });
    await until('it is told', async () => (await state(page)).includes('not for you to see'));
  },

  async 'while nothing has come yet there are lines, and then events'({ open, address }) {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    const page = await open(address, { before: (waiting) => waiting.route(/\/audit\/v1\/events\?/, async (route) => {
      await held;
      route.continue().catch(() => {});
    }) });
    await page.waitForSelector('.bones[aria-busy=true]');
    release();
    await page.waitForSelector('.row[data-id]');
    require_((await page.locator('.bones').count()) === 0, 'the lines are gone', '');
  },

  async 'an entry that is not there says so'({ open, address }) {
    const page = await open(`${address}?e=019ab0c4-0000-7000-8000-000000000000`);
    await until('it is told', async () => (await page.locator('.entry').innerText()).includes('no entry with this identifier'));
  },
};
