// A real browser before the page: what a step sees, and what it may ask. Every page is watched: a script error, a
// message of the policy or a request to another place fails the step that caused it.

const { chromium } = require('playwright-core');

const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 }, low: { width: 1280, height: 560 } };

class Browser {
  static async start() {
    const program = await chromium.launch({ executablePath: process.env.E2E_CHROMIUM ?? '/usr/bin/chromium-headless-shell', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
    return new Browser(program);
  }

  constructor(program) {
    this.program = program;
  }

  /** A page of a browser that has kept nothing. `answers` takes the place of the query endpoint; `also` are further places that it may ask. */
  async open(address, { size = 'desktop', scheme = 'light', locale = 'en-GB', answers = null, before = null, motion = 'reduce', also = [] } = {}) {
    const context = await this.program.newContext({ viewport: SIZES[size], colorScheme: scheme, locale, timezoneId: 'Europe/Berlin', reducedMotion: motion, acceptDownloads: true, hasTouch: size === 'phone' });
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: new URL(address).origin });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    const wrong = [];
    page.on('pageerror', (error) => wrong.push(`script error: ${error.stack}`));
    page.on('console', (line) => /Content Security Policy|Trusted/i.test(line.text()) && wrong.push(line.text()));
    const known = [address, ...also].map((one) => new URL(one).origin);
    page.on('request', (request) => !known.includes(new URL(request.url()).origin) && !/^(blob|data):/.test(request.url()) && wrong.push(`a request to ${request.url()}`));
    if (answers) await answer(page, answers);
    if (before) await before(page);
    await page.goto(address);
    return { page, wrong, close: () => context.close() };
  }

  stop() {
    return this.program.close();
  }
}

/** Answers pages of events, and single ones, from a list that a step may change. Filters are the server's business; these
 * few are what the steps use. Of the other routes of the log there are those that `answers.routes` has, by the first word of
 * their path; without them the page does as it would with a listener that lacks them. */
async function answer(page, answers) {
  await page.route(/\/audit\/v1(\/(?!events|blind-spots)|$)/, (route) => {
    const url = new URL(route.request().url());
    const made = answers.routes?.[url.pathname.split('/')[3] ?? 'index'];
    return made ? made(route, url) : route.fulfill({ status: 404, json: { title: 'Not Found', status: 404 } });
  });
  await page.route(/\/audit\/v1\/events(\/|\?|$)/, async (route) => {
    const url = new URL(route.request().url());
    if (answers.fail) return answers.fail(route);
    const [, id, proof] = url.pathname.match(/events\/([^/]+)(\/proof)?$/) ?? [];
    if (proof) return answers.routes?.proof ? answers.routes.proof(route, url) : route.fulfill({ status: 404, json: { title: 'Not Found', status: 404 } });
    if (id) {
      const found = answers.events.find((event) => event.id === decodeURIComponent(id));
      return found ? route.fulfill({ json: found }) : route.fulfill({ status: 404, json: { title: 'Not Found', status: 404 } });
    }
    const limit = Number(url.searchParams.get('limit'));
    const below = Number(url.searchParams.get('cursor') ?? Infinity);
    const results = url.searchParams.getAll('result');
    const rest = answers.events.filter((event) => event.sequence < below && (!results.length || results.includes(event.result)));
    const data = rest.slice(0, limit);
    const next = rest.length > limit ? String(data.at(-1).sequence) : null;
    return route.fulfill({ json: { data, pagination: { nextCursor: next, hasMore: next !== null } } });
  });
}

function require_(fits, what, shown) {
  if (!fits) throw new Error(`${what}\n--- what was there\n${typeof shown === 'string' ? shown : JSON.stringify(shown, null, 2)}`);
}

/** Waits until a condition holds; its first true value is the answer. */
async function until(what, condition, limit_ms = 30_000) {
  const end = Date.now() + limit_ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    require_(Date.now() < end, `in vain: ${what}`, value ?? 'nothing');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

module.exports = { Browser, require_, until };
