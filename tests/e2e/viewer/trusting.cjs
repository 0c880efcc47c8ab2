// Trusting: whether an entry is where the log says, computed in the browser over trees that are made here with another
// implementation of RFC 6962 and signed notes; and who is signed in, as the page sees it.

const crypto = require('node:crypto');
const { require_, until } = require('./browser.cjs');
const { week } = require('./made.cjs');

const sha256 = (...parts) => crypto.createHash('sha256').update(Buffer.concat(parts)).digest();
const node = (left, right) => sha256(Buffer.from([1]), left, right);

/** The root of a list of leaves (RFC 6962, section 2.1). */
function root(leaves) {
  if (leaves.length === 1) return leaves[0];
  const half = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return node(root(leaves.slice(0, half)), root(leaves.slice(half)));
}

/** The hashes beside the way from a leaf to the root. */
function path(at, leaves) {
  if (leaves.length === 1) return [];
  const half = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return at < half ? [...path(at, leaves.slice(0, half)), root(leaves.slice(half))] : [...path(at - half, leaves.slice(half)), root(leaves.slice(0, half))];
}

const NAME = 'earwitness.example/log';
const KEYS = crypto.generateKeyPairSync('ed25519');

/** The log's key as signed notes write it, and a checkpoint that it signed. */
function noted(size, top, keys = KEYS) {
  const raw = Buffer.concat([Buffer.from([1]), keys.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)]);
  const id = sha256(Buffer.from(`${NAME}\n`), raw).subarray(0, 4);
  const body = `${NAME}\n${size}\n${top.toString('base64')}\n`;
  const signature = Buffer.concat([id, crypto.sign(null, Buffer.from(body), keys.privateKey)]).toString('base64');
  return { key: `${NAME}+${id.toString('hex')}+${raw.toString('base64')}\n`, checkpoint: `${body}\n— ${NAME} ${signature}\n` };
}

// What is personal in a record, as docs/integrity.md lists it: which members of an object are not (`but`), or which are.
const but = (...names) => (name) => (names.includes(name) ? null : 'personal');
const only = (inner) => (name) => inner[name] ?? null;
const ACTOR = but('type', 'role', 'organization', 'team', 'assurance', 'evidence', 'evidenceAgeS');
const RECORD = only({
  title: 'personal', error: 'personal', reason: 'personal', message: (name) => (name === 'parts' ? but() : 'personal'), actor: ACTOR, onBehalfOf: ACTOR, target: but('type'), links: only({ id: 'personal' }), changes: but('label'),
  details: but(), client: but(), raw: but(), request: only({ url: 'personal', destination: 'personal' }), notes: only({ detail: 'personal' }),
});

/** The JSON of a value in pieces: text, and personal values between. */
function pieces(value, kind, found = ['']) {
  const text = (more) => (found[found.length - 1] += more);
  if (kind === null) text(JSON.stringify(value));
  else if (kind === 'personal') found.push({ personal: JSON.stringify(value) }, '');
  else if (Array.isArray(value)) {
    value.forEach((one, index) => (text(index ? ',' : '['), pieces(one, kind, found)));
    text(value.length ? ']' : '[]');
  } else {
    const list = Object.entries(value).filter(([, one]) => one !== undefined);
    list.forEach(([name, one], index) => (text(`${index ? ',' : '{'}${JSON.stringify(name)}:`), pieces(one, kind(name), found)));
    text(list.length ? '}' : '{}');
  }
  return found;
}

const length = (number) => Buffer.from([number >>> 24, number >>> 16, number >>> 8, number]);

/** The leaf of a record. */
function leafOf(sequence, salt, record) {
  const found = pieces(record, RECORD);
  const personal = found.filter((piece) => piece.personal);
  const parts = [Buffer.from([0, 1]), Buffer.alloc(4), length(sequence), length(personal.length)];
  let count = 0;
  for (const piece of found) {
    if (!piece.personal) parts.push(length(Buffer.byteLength(piece)), Buffer.from(piece));
    else {
      const salts = sha256(Buffer.from([3]), salt, length(count >> 1));
      parts.push(sha256(Buffer.from([2]), count % 2 ? salts.subarray(16) : salts.subarray(0, 16), Buffer.from(piece.personal)));
      count += 1;
    }
  }
  return sha256(...parts);
}

/** These events with leaves that are a tree, and the routes that prove it; `change(proof)` may falsify what they
 * answer, and the newest `left` of them are not yet sealed. */
function sealed(list, change = (proof) => proof, keys = KEYS, left = 3) {
  const leaves = [];
  const events = list.map((event) => {
    const { sequence, leaf, salt, ...record } = event;
    const own = crypto.randomBytes(16);
    leaves[sequence - 1] = leafOf(sequence, own, record);
    return { sequence, leaf: leaves[sequence - 1].toString('hex'), salt: own.toString('hex'), ...record };
  });
  const covered = leaves.slice(0, leaves.length - left);
  const { checkpoint } = noted(covered.length, root(covered), keys);
  const routes = {
    key: (route) => route.fulfill({ contentType: 'text/plain', body: noted(1, leaves[0]).key }),
    proof: (route, url) => {
      const index = events.find((one) => url.pathname.includes(one.id)).sequence - 1;
      const isCovered = index < covered.length;
      const proof = { index, size: covered.length, hashes: isCovered ? path(index, covered).map((hash) => hash.toString('hex')) : [], checkpoint: isCovered ? checkpoint : null };
      return route.fulfill({ json: { data: change(proof) } });
    },
  };
  return { events, routes, checkpoint };
}

const sealedWeek = (change, keys) => sealed(week(70, Date.now()), change, keys);

async function told(open, address, answers, sequence) {
  const event = answers.events.at(-sequence);
  const page = await open(`${address}?e=${event.id}&tab=proof`, { answers });
  return until('it is told', async () => {
    const text = await page.locator('.proof').innerText().catch(() => '');
    return text && !text.includes('fetched and checked') ? { text, isWrong: (await page.locator('.proof.is-wrong').count()) === 1, page } : null;
  });
}

module.exports = {
  made: { sealed },

  async 'an entry\'s place is proven in the browser, for every place in the tree'({ open, address }) {
    for (const sequence of [1, 2, 3, 64, 65, 66, 67]) {
      const { text, isWrong } = await told(open, address, sealedWeek(), sequence);
      require_(text.includes('Proof of inclusion checked') && text.includes(`Entry ${sequence} is in the checkpoint over 67 entries`) && !isWrong, `entry ${sequence}`, text);
      require_(text.includes(NAME) && /signature checked|knows no Ed25519/.test(text), 'who signed', text);
    }
    const { text } = await told(open, address, sealedWeek(), 70);
    require_(text.includes('Not yet sealed'), 'an entry that no checkpoint covers', text);
  },

  async 'an entry of a real log is proven by what that log says'({ open, address }) {
    const page = await open(address);
    await page.locator('.row a').first().click();
    await page.getByRole('tab', { name: 'Proof' }).click();
    const text = await until('it is proven', async () => {
      const found = await page.locator('.proof').innerText().catch(() => '');
      return found.includes('Proof of inclusion checked') && found;
    });
    require_(/signature checked|knows no Ed25519/.test(text) && /Computed from\s+\d+ hash/.test(text), 'with its signature', text);
  },

  async 'a proof, a root, a leaf or a signature that is not right is told in red'({ open, address }) {
    const other = crypto.generateKeyPairSync('ed25519');
    const flip = (hexed) => `${hexed[0] === '0' ? '1' : '0'}${hexed.slice(1)}`;
    const cases = {
      'a hash that was changed': sealedWeek((proof) => ({ ...proof, hashes: proof.hashes.map((one, at) => (at === 2 ? flip(one) : one)) })),
      'a hash too few': sealedWeek((proof) => ({ ...proof, hashes: proof.hashes.slice(1) })),
      'a hash too many': sealedWeek((proof) => ({ ...proof, hashes: [...proof.hashes, proof.hashes[0]] })),
      'another place': sealedWeek((proof) => ({ ...proof, index: proof.index + 1 })),
      'another size': sealedWeek((proof) => ({ ...proof, size: proof.size + 1 })),
      'another root under the signature': sealedWeek((proof) => ({ ...proof, checkpoint: proof.checkpoint.replace(/\n67\n.{4}/, '\n67\nAAAA') })),
      'another key': sealedWeek((proof) => proof, other),
    };
    const falsified = (change) => {
      const answers = sealedWeek();
      change(answers.events.find((event) => event.sequence === 21));
      return answers;
    };
    const records = {
      'another leaf': falsified((event) => (event.leaf = 'ab'.repeat(32))),
      'another salt': falsified((event) => (event.salt = 'ab'.repeat(16))),
      'another name': falsified((event) => (event.actor = { ...event.actor, name: 'Somebody else' })),
      'another result': falsified((event) => (event.result = event.result === 'success' ? 'denied' : 'success')),
      'another sequence': falsified((event) => (event.sequence = 22)),
    };
    for (const [name, answers] of Object.entries({ ...cases, ...records })) {
      const { text, isWrong } = await told(open, address, answers, 21);
      require_(isWrong && text.includes('Does not verify'), name, text);
    }
  },

  async 'a log without proofs says so, and checks again when asked'({ open, address }) {
    const made = sealedWeek();
    const answers = { events: made.events, routes: {} };
    const { text, page } = await told(open, address, answers, 21);
    require_(text.includes('This log gives no proofs'), 'none', text);
    answers.routes = made.routes;
    await page.locator('.proof').getByRole('button', { name: 'Check again' }).click();
    await until('and then there is one', async () => (await page.locator('.proof').innerText()).includes('Proof of inclusion checked'));
  },

  async 'files that the server makes are offered where it makes them, with the columns and the search'({ open, address }) {
    const answers = { events: week(60, Date.now()), routes: {} };
    answers.routes.index = (route) => route.fulfill({ body: 'GET /audit/v1/export  a file' });
    const page = await open(`${address}?result=denied`, { answers });
    await page.waitForSelector('.row[data-id]');
    await page.getByRole('button', { name: 'Export' }).click();
    await page.getByLabel('Excel workbook (.xlsx)').check();
    const file = page.waitForEvent('download');
    await page.getByRole('dialog').getByRole('button', { name: 'Export' }).click();
    require_(/\.xlsx$/.test((await file).suggestedFilename()), 'its name', (await file).suggestedFilename());
    const asked = new URL((await file).url());
    require_(asked.pathname === '/audit/v1/export' && asked.searchParams.get('format') === 'xlsx' && asked.searchParams.get('result') === 'denied' && asked.searchParams.get('columns').startsWith('time,message.text,actor.name'), 'what was asked for', asked.href);
  },
};
