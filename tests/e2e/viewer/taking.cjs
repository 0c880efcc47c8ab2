// Taking away: the table and its columns, exports, one entry, a link.

const fs = require('node:fs');
const { require_, until } = require('./browser.cjs');
const { hostile, week } = require('./made.cjs');

const heads = async (page) => (await page.locator('.log thead th').allInnerTexts()).map((text) => text.trim());

async function exported(page, { format, all = false }) {
  await page.locator('.is-export').click();
  await page.getByRole('radio', { name: format }).check();
  if (all) await page.getByRole('radio', { name: 'All columns' }).check();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('dialog').getByRole('button', { name: 'Export' }).click()]);
  const text = fs.readFileSync(await download.path(), 'utf8');
  await page.keyboard.press('Escape');
  return { name: download.suggestedFilename(), text };
}

/** The cells of a CSV file (RFC 4180). */
function csv(text, separator = ',') {
  const rows = [[]];
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|([^"${separator}\\r\\n]*))(${separator}|\\r\\n|$)`, 'gy');
  for (const [, quoted, bare, end] of text.replace(/^\ufeff/, '').matchAll(cell)) {
    rows.at(-1).push((quoted ?? bare).replaceAll('""', '"'));
    if (end === '\r\n') rows.push([]);
    else if (end === '') break;
  }
  return rows.filter((row) => row.some(Boolean));
}

module.exports = {
  async 'columns are chosen, put in order, kept, and stand in the address'({ open, address }) {
    const page = await open(`${address}?view=table`);
    await page.waitForSelector('.log tbody tr');
    require_((await heads(page))[1] === 'What happened', 'the columns at first', await heads(page));
    await page.getByRole('button', { name: /^Columns/ }).click();
    const menu = page.getByRole('dialog', { name: 'Columns' });
    await menu.getByRole('checkbox', { name: 'Role', exact: true }).check();
    await until('the column is there', async () => (await heads(page)).includes('Role'));
    await menu.getByRole('checkbox', { name: 'IP address' }).uncheck();
    await menu.getByRole('button', { name: 'Move Role up' }).click();
    await until('it moved', async () => (await heads(page)).indexOf('Role') === (await heads(page)).length - 2);
    const chosen = await heads(page);
    await page.goto(`${address}?view=table`);
    await page.waitForSelector('.log tbody tr');
    require_(String(await heads(page)) === String(chosen), 'kept in this browser', await heads(page));
    await page.goto(`${address}?view=table&cols=result,message,nonsense`);
    await page.waitForSelector('.log tbody tr');
    require_((await heads(page)).slice(1).join() === 'Result,What happened', 'an address with columns wins', await heads(page));
    await page.locator('.log tbody a').first().click();
    await page.waitForSelector('.entry');
  },

  async 'details that rules keep are columns of their own'({ open, address }) {
    const answers = { events: week(30, Date.now()).map((event) => ({ ...event, details: { recipient: 'marek@nowak.example' } })) };
    const page = await open(`${address}?view=table`, { answers });
    await page.waitForSelector('.log tbody tr');
    await page.getByRole('button', { name: /^Columns/ }).click();
    await page.getByRole('checkbox', { name: 'recipient' }).check();
    await until('its values', async () => (await page.locator('.log tbody').first().innerText()).includes('marek@nowak.example'));
  },

  async 'an export holds the whole search, whatever is loaded, and says so at its end'({ open, address }) {
    const page = await open(`${address}?action=BOOKING_MADE`);
    await page.waitForSelector('.row[data-id]');
    const { name, text } = await exported(page, { format: 'CSV, commas' });
    require_(/^earwitness-events-[\dT-]+\.csv$/.test(name), 'a name of ours', name);
    const rows = csv(text);
    const end = JSON.parse(rows.at(-1)[0].replace('# end of export: ', ''));
    require_(end.count === rows.length - 2 && end.count > 300 && end.search.includes('BOOKING_MADE'), 'header, every event, and the end', end);
    require_(rows[0].join() === 'Time,What happened,User,Result,Target,Source,IP address,Activity name', 'the columns shown', rows[0]);
    const whole = await exported(page, { format: 'CSV, semicolons', all: true });
    const first = csv(whole.text, ';')[0];
    require_(['Role', 'Changes', 'Trace ID', 'Rule', 'All details (JSON)'].every((column) => first.includes(column)), 'all columns', first);
  },

  async 'NDJSON is the record as stored, to the digit'({ open, address }) {
    const page = await open(`${address}?q=glasses`);
    await page.waitForSelector('.row[data-id]');
    const { text } = await exported(page, { format: 'NDJSON' });
    const lines = text.trim().split('\n');
    const last = JSON.parse(lines.pop());
    require_(last.endOfExport.count === lines.length && lines.length >= 3, 'the end', last);
    const served = await (await fetch(`${address}audit/v1/events?q=glasses`)).text();
    require_(lines.every((line) => served.includes(line)), 'byte for byte', lines[0]);
  },

  async 'hostile values leave as no formulae'({ open, address }) {
    const answers = { events: [hostile(1, Date.now())] };
    const page = await open(address, { answers });
    await page.waitForSelector('.row[data-id]');
    for (const format of ['CSV, commas', 'CSV, semicolons']) {
      const separator = format.includes('semi') ? ';' : ',';
      const { text } = await exported(page, { format, all: true });
      const rows = csv(text, separator);
      require_(rows.length === 3 && rows[0].length === rows[1].length, 'no value breaks out of its cell', rows.map((row) => row.length));
      // THREATS X01: at the start, and after what other programs split at.
      const bad = rows[1].flatMap((cell) => cell.split(/[;,\t\n|]/)).filter((piece) => /^[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(piece));
      require_(!bad.length, 'no formula', bad.slice(0, 5));
    }
  },

  async 'an export shows how far it is, and a cancelled one leaves nothing'({ open, address }) {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    const page = await open(address);
    await page.waitForSelector('.row[data-id]');
    await page.route(/limit=500&cursor=|cursor=.*limit=500/, async (route) => {
      await held;
      route.continue().catch(() => {});
    });
    await page.locator('.is-export').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Export' }).click();
    await until('how far', async () => (await page.locator('#menu').innerText()).includes('500 events so far'));
    await page.getByRole('button', { name: 'Cancel' }).click();
    await until('nothing is left', async () => (await page.locator('#menu').innerText()).includes('Nothing was saved'));
    release();
  },

  async 'a file of the server, for who shows a token himself, says how much has come, and a cancelled one leaves nothing'({ open, guarded, token }) {
    const page = await open(guarded, { before: (fresh) => fresh.addInitScript((text) => sessionStorage.setItem('earwitness.token', text), token) });
    await page.waitForSelector('.row[data-id]');
    // All that is said is kept: the file is there soon.
    await page.evaluate(() => {
      window.said = [];
      const added = (changes) => changes.flatMap((change) => [...change.addedNodes].map((node) => node.textContent));
      new MutationObserver((changes) => window.said.push(...added(changes))).observe(document.body, { childList: true, subtree: true });
    });
    const { name, text } = await exported(page, { format: 'JSON, one document' });
    const { data, end } = JSON.parse(text);
    require_(/\.json$/.test(name) && data.length > 0 && data.length === end.count, 'the file', { name, end });
    const said = await page.evaluate(() => window.said);
    require_(said.some((one) => /^[\d.,]+ kB so far …$/.test(one)) && said.some((one) => /[\d.,]+ kB saved/.test(one)), 'how much has come', said);
    await page.route(/audit\/v1\/export/, () => {});
    for (const end of [() => page.getByRole('button', { name: 'Cancel' }).click(), () => page.keyboard.press('Escape')]) {
      await page.locator('.is-export').click();
      await page.getByRole('radio', { name: 'Excel workbook' }).check();
      const [begun] = await Promise.all([page.waitForRequest(/audit\/v1\/export/), page.getByRole('dialog').getByRole('button', { name: 'Export' }).click()]);
      const ended = page.waitForEvent('requestfailed', (request) => request === begun);
      await end();
      await ended;
      await until('it is told', async () => (await page.locator('#told').innerText()).includes('Nothing was saved'));
      await page.keyboard.press('Escape');
      await page.evaluate(() => document.querySelector('#told').replaceChildren());
    }
  },

  async 'the history of a thing leaves in the forms of the server, too'({ open, address }) {
    const page = await open(`${address}?about=booking:103`);
    await page.waitForSelector('.row[data-id]');
    const shown = await page.locator('.row[data-id]').count();
    const { text } = await exported(page, { format: 'JSON, one document', all: true });
    const file = JSON.parse(text);
    require_(String(file.export.filter.history) === 'booking/103', 'whose', file.export);
    require_(file.data.length === shown && file.data.every((event) => event.target.id === '103'), 'its events', file.end);
    const lines = (await exported(page, { format: 'NDJSON' })).text.trim().split('\n').slice(0, -1);
    require_(String(lines.map((line) => JSON.parse(line).id)) === String(file.data.map((event) => event.id)), 'the same as what the page makes', lines.length);
  },

  async 'one entry is downloaded as stored, and its link leads to it alone'({ open, address }) {
    const page = await open(`${address}?action=BOOKING_MOVED`);
    await page.locator('.row a').first().click();
    const id = new URL(page.url()).searchParams.get('e');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download this entry' }).first().click()]);
    const served = await (await fetch(`${address}audit/v1/events/${id}`)).text();
    require_(fs.readFileSync(await download.path(), 'utf8') === served, 'as stored', download.suggestedFilename());
    await page.getByRole('button', { name: 'Copy the link' }).click();
    await until('it is told', async () => (await page.locator('#told').innerText()) === 'Copied.');
    const link = await page.evaluate(() => navigator.clipboard.readText());
    await page.goto(link);
    await page.waitForSelector('.entry .said');
    require_(link === `${address}?e=${id}`, 'the link', link);
  },
};
