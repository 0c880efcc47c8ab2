// Coming in: by the provider of identities, by a link, and in a frame of another site.

const { require_, until } = require('./browser.cjs');

const RULES = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };

/** Makes a link as the holder of the token. */
async function linked(guarded, token, query) {
  const made = await fetch(`${guarded}audit/v1/links?${query}`, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
  return made.json();
}

const state = (page) => page.locator('.state').innerText();
const signInAt = (page) => page.getByRole('link', { name: 'Sign in with 127.0.0.1' });

module.exports = {
  async 'who signs in at the provider comes back to the same search, signed in'({ open, guarded, provider }) {
    const page = await open(`${guarded}?action=RECORDING_STARTED&tz=local`, { also: [provider] });
    await signInAt(page).click();
    await page.locator('#agree').click();
    await page.waitForSelector('.row[data-id]');
    require_(page.url() === `${guarded}?action=RECORDING_STARTED&tz=local`, 'the same search', page.url());
    const cookies = await page.context().cookies(guarded);
    require_(cookies.length === 1 && cookies[0].httpOnly && cookies[0].sameSite === 'Lax', 'one cookie, for no script', cookies);
    await page.locator('.tools > button').last().click();
    await page.getByText('Alma Nowak').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signInAt(page).waitFor();
  },

  async 'a sign-in that came to nothing is said, once, and can be begun again'({ open, guarded, provider }) {
    const page = await open(guarded, { also: [provider] });
    await signInAt(page).click();
    await page.locator('#deny').click();
    await until('it is told', async () => (await state(page)).includes('was not agreed to'));
    require_(page.url() === guarded, 'and the address forgets it', page.url());
    // Another browser's answer is none to what this one has begun.
    await page.goto(`${guarded}audit/v1/session/oidc/callback?code=x&state=y`);
    await until('it is told', async () => (await state(page)).includes('not begun in this browser'));
    await page.reload();
    await signInAt(page).waitFor();
    require_(!(await state(page)).includes('not begun'), 'said once', await state(page));
    await signInAt(page).click();
    await page.locator('#agree').click();
    await page.waitForSelector('.row[data-id]');
  },

  async 'a session that is over is had anew without a question, at the same search, and ends with the one at the provider'({ open, guarded, provider }) {
    const world = (query) => fetch(`${provider}/world?${query}`);
    const held = async (page) => (await page.context().cookies(guarded)).find((cookie) => cookie.name === '__Host-earwitness')?.value;
    const signIn = async () => {
      const page = await open(`${guarded}?action=RECORDING_STARTED`, { also: [provider] });
      await signInAt(page).click();
      await page.locator('#agree').click();
      await page.waitForSelector('.row[data-id]');
      return page;
    };
    await world('life=4');
    const page = await signIn();
    const before = await held(page);
    await world('life=300&signed-in');
    await page.locator('.row[data-id] a[data-entry]').first().click();
    await page.waitForSelector('.entry');
    const address = page.url();
    await until('another session', async () => ![undefined, '', before].includes(await held(page)));
    await page.waitForSelector('.row[data-id]');
    await page.waitForSelector('.entry');
    require_(page.url() === address, 'the same search and entry', page.url());
    await world('life=4');
    const other = await signIn();
    await until('he is told', async () => (await other.locator('.state').count()) && (await state(other)).includes('not signed in there any more'));
    require_(other.url() === `${guarded}?action=RECORDING_STARTED`, 'and the search is kept', other.url());
    await world('');
  },

  async 'a link shows one thing in its tab alone, leaves the address, and is said when it is good no more'({ open, guarded, token }) {
    const bearer = { authorization: `Bearer ${token}` };
    const link = await linked(guarded, token, 'actor=nobody&name=For+Ben');
    require_(link.address === `${guarded}#link=${link.token}`, 'the whole address', link.address);
    const page = await open(link.address);
    await page.getByText('No events yet').waitFor();
    require_(page.url() === guarded && (await page.evaluate(() => document.referrer)) === '', 'it is out of the address', page.url());
    require_(!(await page.evaluate(() => JSON.stringify(localStorage))).includes(link.token) && !(await page.context().cookies()).length, 'the tab alone knows it', '');
    await page.reload();
    await page.getByText('No events yet').waitFor();
    const gone = await fetch(`${guarded}audit/v1/links/${link.id}`, { method: 'DELETE', headers: bearer });
    require_(gone.status === 204, 'it is revoked', gone.status);
    await page.goto('about:blank');
    await page.goto(link.address);
    await until('it is told', async () => (await state(page)).includes('good no more'));
  },

  async 'a page of another site shows the timeline of a link in a frame, and other sites do not'({ open, guarded, token, provider, office, axe }) {
    const site = provider.replace('127.0.0.1', 'localhost');
    const form = new URLSearchParams({ username: 'ben', password: 'ben-knows' });
    const cookie = (await fetch(`${office}/login`, { method: 'POST', body: form, redirect: 'manual' })).headers.get('set-cookie').split(';')[0];
    const send = async (path, body) => (await fetch(office + path, { method: 'POST', headers: { cookie, 'content-type': 'application/json' }, body: JSON.stringify(body) })).json();
    const { id } = await send('/api/bookings', { title: 'Framed', start: '2028-02-03T08:00:00Z', end: '2028-02-03T09:00:00Z' });
    await send('/api/bookings', { title: 'Another', start: '2028-02-04T08:00:00Z', end: '2028-02-04T09:00:00Z' });
    const link = await linked(guarded, token, `target=booking/${id}&site=${site}`);
    require_(link.embed === `${guarded}embed?link=${link.id}#link=${link.token}` && link.shows === 'sentences', 'an address for frames, and sentences alone', link);
    const framing = (where, address = link.embed) => `${where}/framing?${new URLSearchParams({ address })}`;
    const page = await open(framing(site), { also: [guarded] });
    const frame = page.frameLocator('iframe');
    const rows = frame.locator('.row[data-id]');
    await until('the booking', async () => (await rows.count()) === 1);
    const text = await frame.locator('main').innerText();
    require_(text.includes('Framed') && !text.includes('Another') && !text.includes('127.0.0.1'), 'this booking, and no address', text);
    require_((await frame.locator('a, input').count()) === 0, 'nothing to click on', text);
    await send(`/api/bookings/${id}/cancel`, { reason: 'seen in the frame' });
    await until('what is new', async () => (await rows.count()) === 2);
    const inside = page.frames().find((one) => one.url().startsWith(guarded));
    await inside.evaluate(axe);
    const { violations } = await inside.evaluate((rules) => window.axe.run(document, rules), RULES);
    require_(!violations.length, 'axe finds nothing', violations.map(({ id, nodes }) => [id, nodes[0].failureSummary]));
    require_(!(await page.context().cookies()).length && !(await inside.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))).includes(link.token), 'neither cookie nor storage', '');
    // In a browser that nobody watches: what it refuses is told where that is.
    const isRefused = async (where) => {
      const other = await (await page.context().browser().newContext()).newPage();
      await other.goto(where);
      await until('the frame is refused', async () => other.frames().some((one) => one.url().startsWith('chrome-error:')));
      await other.context().close();
    };
    // The same page of a site that is not named: the browser shows it nothing.
    await isRefused(framing(provider));
    // A link to whole entries stands in no frame, whatever address it is put behind.
    const whole = await linked(guarded, token, `target=booking/${id}`);
    await page.goto(framing(site, `${guarded}embed?link=${link.id}#link=${whole.token}`));
    await frame.getByText('This link is good no more').waitFor();
    await isRefused(framing(site, `${guarded}embed?link=${whole.id}#link=${whole.token}`));
    // What the page does not show, the listener does not tell either.
    const given = await (await fetch(`${guarded}audit/v1/events`, { headers: { authorization: `Bearer ${link.token}` } })).text();
    require_(given.includes('Framed') && !/127\.0\.0\.1|"client"|"request"|"changes"|"raw"/.test(given), 'sentences', given);
    await page.goto(framing(site));
    await until('and there it is again', async () => (await rows.count()) === 2);
    await fetch(`${guarded}audit/v1/links/${link.id}`, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } });
    await isRefused(framing(site));
  },
};
