// Coming in: by the provider of identities, and by a link.

const { require_, until } = require('./browser.cjs');

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

  async 'a link shows one thing in its tab alone, leaves the address, and is said when it is good no more'({ open, guarded, token }) {
    const bearer = { authorization: `Bearer ${token}` };
    const make = await fetch(`${guarded}audit/v1/links?actor=nobody&name=For+Ben`, { method: 'POST', headers: bearer });
    const link = await make.json();
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
};
