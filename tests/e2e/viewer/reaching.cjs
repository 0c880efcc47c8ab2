// Reaching everybody: no violation that axe knows, on a desk and a phone, light and dark; both languages; no sideways
// scroll; small and quick.

const fs = require('node:fs');
const path = require('node:path');
const { require_, until } = require('./browser.cjs');
const { counting, hostile, week } = require('./made.cjs');
const { sealed } = require('./trusting.cjs').made;

/** As a log answers that keeps bookings for half a year. */
const RETENTION = {
  keepsEverything: false, policies: [{ name: 'bookings' }, { name: 'sign-ins' }], keep: 'forever', holds: [{}], last: { at: '2026-01-15T03:00:02Z', events: 1_210 }, next: '2026-01-16T03:00:00Z',
  disk: { freeBytes: 41_200_000_000 }, asks: null, failed: null, plan: { bytes: 1_912_320_000 },
};

const RULES = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };

async function violations(page, axe) {
  await page.evaluate(axe);
  const found = await page.evaluate((rules) => window.axe.run(document, rules), RULES);
  return found.violations.map(({ id, nodes }) => ({ id, nodes: nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`) }));
}

/** Every page of the viewer: its address, and what is done there first. */
const pages = (id, hostileId) => [
  ['timeline', ''],
  ['an entry', `?e=${id}`],
  ['raw', `?e=${id}&tab=raw`],
  ['meta', `?e=${id}&tab=meta`],
  ['proof', `?e=${id}&tab=proof`],
  ['a hostile entry', `?e=${hostileId}`],
  ['table', '?view=table'],
  ['overview', '?view=overview'],
  ['a menu of values', '', (page) => page.getByRole('group', { name: 'Filters' }).getByRole('button', { name: 'Result' }).click()],
  ['further filters', '', (page) => page.getByRole('group', { name: 'Filters' }).getByRole('button', { name: 'More' }).click()],
  ['the menu of times', '', (page) => page.locator('.find-row > .button').first().click()],
  ['export', '', (page) => page.locator('.is-export').click()],
  ['columns', '?view=table', (page) => page.getByRole('button', { name: /^Columns/ }).click()],
  ['saved searches', '', (page) => page.getByRole('button', { name: 'Saved' }).click()],
  ['keys', '', (page) => page.locator('.tools > button').last().click()],
];

/** Each page of the viewer in one size and one scheme. A page is closed before the next: each of them asks for news. */
function everywhere(size, scheme) {
  return async ({ open, address, guarded, axe }) => {
    const answers = { events: [hostile(81, Date.now() - 1_000), ...week(80, Date.now() - 60_000)] };
    const joined = answers.events.find((event) => event.changes.length && event.sequence < 81);
    const look = async (name, where, ready, act, given) => {
      const page = await open(where, { answers: given, size, scheme });
      await page.waitForSelector(ready);
      if (act) await act(page);
      const found = await violations(page, axe);
      require_(!found.length, name, found);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      require_(wide <= 0, `no sideways scroll: ${name}`, wide);
      await page.context().close();
    };
    for (const [name, where, act] of pages(joined.id, answers.events[0].id)) {
      await look(name, address + where, where.includes('overview') ? 'section[aria-label="The log itself"]' : '[data-id], .entry', act, answers);
    }
    await look('sign-in', guarded, '#token');
    // Not by a word: the log keeps what it was asked, and would find that.
    await look('nothing found', `${address}?action=NOBODY_DID_THIS`, '.state');
  };
}

module.exports = {
  'axe finds nothing on a desk, light': everywhere('desktop', 'light'),
  'axe finds nothing on a desk, dark': everywhere('desktop', 'dark'),
  'axe finds nothing on a phone, light': everywhere('phone', 'light'),
  'axe finds nothing on a phone, dark': everywhere('phone', 'dark'),

  async 'on a phone: the list, an entry over it, and back'({ open, address }) {
    const answers = { events: week(60, Date.now()) };
    const page = await open(address, { answers, size: 'phone' });
    await page.waitForSelector('.row[data-id]');
    await page.locator('.row a').nth(1).tap();
    await page.waitForSelector('.entry .changes');
    const box = await page.locator('.entry').boundingBox();
    require_(box.width === 390 && box.height === 844, 'the entry fills the phone, and no more: it scrolls in itself', box);
    await page.getByRole('button', { name: 'Close' }).tap();
    await page.waitForSelector('.entry', { state: 'detached' });
    require_(await page.locator('.row').first().isVisible(), 'the list is back', '');
  },

  async 'in German, with German dates'({ open, address }) {
    const answers = { events: week(60, Date.now()) };
    const page = await open(address, { answers, locale: 'de-DE' });
    await page.waitForSelector('.row[data-id]');
    require_((await page.getAttribute('html', 'lang')) === 'de', 'the language is named', '');
    await page.getByRole('link', { name: 'Verlauf' }).waitFor();
    require_((await page.locator('.row .ago').allTextContents()).some((text) => /^vor /.test(text)), 'times in German', await page.locator('.row .ago').allTextContents());
    await page.locator('.tools > button').last().click();
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByRole('link', { name: 'Timeline' }).waitFor();
  },

  async 'who turns single keys off is not surprised by them'({ open, address }) {
    const page = await open(address);
    await page.waitForSelector('.row[data-id]');
    await page.keyboard.press('?');
    await page.getByLabel('Single keys are on').uncheck();
    await page.keyboard.press('Escape');
    await page.keyboard.press('u');
    require_(!page.url().includes('tz='), 'u does nothing', page.url());
  },

  async 'a theme that was chosen holds after a reload'({ open, address }) {
    const page = await open(address);
    await page.waitForSelector('.row[data-id]');
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await paper();
    await page.getByRole('button', { name: 'Light or dark' }).click();
    require_((await paper()) !== light, 'dark', await paper());
    await page.reload();
    require_((await paper()) !== light, 'dark after a reload', await paper());
  },

  async 'the page is small and its first paint is soon'({ open, address }) {
    const page = await open(address);
    await page.waitForSelector('.row[data-id]');
    // The tail never ends, so that the network is never idle.
    await page.waitForSelector('.chart svg');
    const paint_ms = await until('a first paint', () => page.evaluate(() => performance.getEntriesByType('paint').find((entry) => entry.name === 'first-contentful-paint')?.startTime));
    const files = await page.evaluate(() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].filter((entry) => !/audit\/v1/.test(entry.name)).map((entry) => entry.encodedBodySize));
    const bytes = files.reduce((sum, one) => sum + one, 0);
    require_(files.length > 30 && bytes > 10_000 && bytes < 150_000, 'under 150 KB', bytes);
    console.log(`      ${files.length} files, ${bytes} bytes, first paint after ${Math.round(paint_ms)} ms`);
  },

  async 'pictures for people'({ open, address }) {
    if (!process.env.E2E_PICTURES) return;
    const answers = sealed(week(1_284, Date.parse('2026-01-15T14:44:19Z')), undefined, undefined, 0);
    Object.assign(answers.routes, counting(answers.events), { retention: (route) => route.fulfill({ json: RETENTION }), checkpoint: (route) => route.fulfill({ body: answers.checkpoint }) });
    const folder = path.resolve(process.env.E2E_PICTURES);
    fs.mkdirSync(folder, { recursive: true });
    const at = (page) => page.clock.setFixedTime(new Date('2026-01-15T14:44:19Z'));
    const take = async (name, where, { ready = '[data-id], .facet', act, ...options } = {}) => {
      const page = await open(address + where, { answers, before: at, ...options });
      await page.waitForSelector(ready);
      if (act) await act(page);
      await page.waitForTimeout(800);
      await page.screenshot({ path: path.join(folder, `${name}.png`) });
    };
    const moved = answers.events.find((event) => event.action === 'RESCHEDULED' && event.changes.length);
    await take('viewer-timeline', '');
    await take('viewer-entry', `?e=${moved.id}`, { scheme: 'dark' });
    await take('viewer-proof', `?e=${moved.id}&tab=proof`);
    await take('viewer-table', '?view=table');
    await take('viewer-overview', '?view=overview');
    await take('viewer-phone', '', { size: 'phone' });
    await take('viewer-phone-entry', `?e=${moved.id}`, { size: 'phone', scheme: 'dark' });
    const refusing = (status, detail) => ({ events: [], fail: (route) => route.fulfill({ status, contentType: 'application/problem+json', json: { status, detail } }) });
    const nothing = { events: [], routes: counting([]) };
    await take('viewer-empty', '?q=voucher&result=denied&from=-7d', { ready: '.state', answers: nothing, size: 'low' });
    await take('viewer-error', '', { ready: '.state', answers: refusing(500, 'The audit log cannot be read; the log of Earwitness says why.'), size: 'low' });
    await take('viewer-forbidden', '', { ready: '.state', answers: refusing(403, 'You see no events: that needs the grant `auditor`, or one for an organization or a team.'), size: 'low' });
    await take('viewer-offline', '', { size: 'low', act: (page) => {
      answers.fail = (route) => route.abort('connectionrefused');
      return page.waitForSelector('.band');
    } });
  },
};
