// How fast the page is before a large log: what a person waits for, and for how long the page heard nobody meanwhile.
//
//     NODE_PATH=tests/e2e/node_modules node tests/e2e/viewer/pace.cjs ADDRESS [ROUNDS]
//
// The log is one that `cargo bench --bench store` has filled, or any with more than 2,000 events; its listener asks nobody for a token.
// Each round is a browser that has kept nothing. It fails nothing: docs/performance.md has what it printed.

const { Browser } = require('./browser.cjs');

const [address, rounds = '3'] = process.argv.slice(2);
const figures = new Map();

const TRACED = { categories: ['toplevel', 'devtools.timeline', '__metadata'] };

/** The computing of the page's own thread in a trace: its longest task, and all of it, in milliseconds. What others took of the cores meanwhile is not in it. */
function computed(trace) {
  const { traceEvents: all } = JSON.parse(trace);
  const mains = new Set(all.filter((one) => one.name === 'thread_name' && one.args.name === 'CrRendererMain').map((one) => `${one.pid} ${one.tid}`));
  const tasks = all.filter((one) => /RunTask$/.test(one.name) && mains.has(`${one.pid} ${one.tid}`)).map((one) => (one.tdur ?? 0) / 1_000);
  return { longest_ms: Math.max(0, ...tasks), all_ms: tasks.reduce((sum, one) => sum + one, 0) };
}

/** Acts, and notes when what is waited for is there. */
async function timed(browser, page, name, act, isDone) {
  await page.evaluate(() => {
    for (const row of document.querySelectorAll('[data-id]')) row.dataset.old = '';
  });
  await browser.startTracing(page, TRACED);
  const began = performance.now();
  await act();
  await isDone();
  const took_ms = performance.now() - began;
  note(name, took_ms, computed(await browser.stopTracing()));
}

function note(name, took_ms, { longest_ms, all_ms }) {
  if (!figures.has(name)) figures.set(name, []);
  figures.get(name).push([took_ms, longest_ms, all_ms]);
}

async function round(browser) {
  const { page, close } = await browser.open(`${address}healthz`);
  const step = (...how) => timed(browser.program, page, ...how);
  await step('open: the first row', () => page.goto(address), () => page.waitForSelector('.row[data-id]'));
  await step('again: the chart, counted', () => page.goto(address), () => page.waitForSelector('.strip svg'));
  const fresh = () => page.waitForSelector('.row[data-id]:not([data-old])');
  const filter = (name) => page.getByRole('group', { name: 'Filters' }).getByRole('button', { name, exact: true });
  const menu = (name) => page.getByRole('dialog', { name, exact: true });
  const searched = async (name, words) => {
    await step(name, async () => {
      await page.fill('#q', words);
      await page.press('#q', 'Enter');
    }, fresh);
  };
  for (const name of ['Actor', 'Action', 'Result']) {
    await step(`drop-down ${name}`, () => filter(name).click(), () => menu(name).locator('.option').first().waitFor());
    if (name !== 'Result') await page.keyboard.press('Escape');
  }
  await step('filter result:denied', () => menu('Result').getByLabel('denied').check(), fresh);
  await page.keyboard.press('Escape');
  await page.goto(address);
  await page.waitForSelector('.row[data-id]');
  await searched('search a word of a twelfth of all, medical', 'medical');
  await searched('search three words', 'medical fitting Lisbon');
  await searched('search a beginning, voucher v4*', 'voucher v4*');
  await searched('search a person, actor:u7', 'actor:u7');
  await page.goto(address);
  await page.waitForSelector('.row[data-id]');
  await step('an entry', () => page.locator('.row a').nth(3).click(), () => page.waitForSelector('.entry .said'));
  await step('its proof, computed', () => page.getByRole('tab', { name: 'Proof' }).click(), () => page.waitForFunction(() => /checked|Not yet/.test(document.querySelector('.proof')?.innerText ?? '')));
  await page.keyboard.press('Escape');
  await step('scroll down 2,000 rows', () => page.evaluate(async () => {
    const at = () => Number([...document.querySelectorAll('.end')].at(-1)?.innerText.replace(/\D/g, '') || 0);
    while (at() < 2_000) {
      scrollBy(0, innerHeight * 2);
      await new Promise(requestAnimationFrame);
    }
  }), async () => {});
  await step('back to the top', () => page.keyboard.press('Home'), () => page.waitForFunction(() => scrollY === 0 && document.querySelector('.row[data-id]')));
  await step('the table', () => page.goto(`${address}?view=table`), () => page.waitForSelector('tr[data-id]'));
  await step('the overview, all of it', () => page.goto(`${address}?view=overview`), () => page.waitForFunction(() => document.querySelectorAll('.section').length >= 5));
  await close();
}

process.on('unhandledRejection', (e) => { console.error(e); process.exit(1); });
async function main() {
  const browser = await Browser.start();
  for (let n = 0; n < Number(rounds); n += 1) await round(browser);
  await browser.stop();
  const middle = (all) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)].toFixed(0);
  console.log('| step | shown after | longest task of the page | all of its tasks |\n|---|---|---|---|');
  for (const [name, all] of figures) console.log(`| ${name} | ${[0, 1, 2].map((at) => `${middle(all.map((one) => one[at]))} ms`).join(' | ')} |`);
}

main();
