// The steps of a person before the viewer, in a real browser.
//
//     node viewer.cjs ADDRESS GUARDED_ADDRESS TOKEN PROXY PROVIDER GUARDED_PROXY HOUSES     (viewer.py starts what listens there)
//
// Prints a line for each step. E2E_STEP=words runs only the steps whose names have them.

const fs = require('node:fs');
const { Browser } = require('./browser.cjs');

const GROUPS = ['reading', 'finding', 'taking', 'enduring', 'reaching', 'trusting', 'entering', 'rows'];

async function main() {
  const [address, guarded, token, proxy, provider, office, houses] = process.argv.slice(2);
  const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
  const browser = await Browser.start();
  const world = { browser, address, guarded, token, proxy, provider, office, houses: JSON.parse(houses), axe };
  const steps = GROUPS.flatMap((group) => Object.entries(require(`./${group}.cjs`))).filter(([, step]) => typeof step === 'function');
  const wanted = steps.filter(([name]) => name.includes(process.env.E2E_STEP ?? ''));
  let failed = 0;
  for (const [name, step] of wanted) failed += await run(name, step, world);
  await browser.stop();
  console.log(`${wanted.length - failed} passed, ${failed} failed`);
  process.exitCode = failed || !wanted.length ? 1 : 0;
}

/** Runs a step; the answer is how many failed: one or none. */
async function run(name, step, world) {
  const opened = [];
  const open = async (address, options) => {
    const visit = await world.browser.open(address, options);
    opened.push(visit);
    return visit.page;
  };
  try {
    await step({ ...world, open });
    const wrong = opened.flatMap((visit) => visit.wrong);
    if (wrong.length) throw new Error(wrong.join('\n'));
  } catch (error) {
    console.log(`FAIL  ${name}\n${error.stack}`);
    return 1;
  } finally {
    for (const visit of opened) await visit.close();
  }
  console.log(`ok    ${name}`);
  return 0;
}

main().catch((error) => {
  console.error(error.stack);
  process.exitCode = 1;
});
