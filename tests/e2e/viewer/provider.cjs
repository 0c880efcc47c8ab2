// A provider of identities (OpenID Connect) with one person, who agrees by a click. It keeps to what a provider checks: the
// client, the address to go back to, the verifier (PKCE), and that a code is good once. It is also a site that has a frame.
//
//     node provider.cjs PORT REDIRECT_ADDRESS

const crypto = require('node:crypto');
const http = require('node:http');

const [port, redirect] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const CLIENT = 'viewer';
const { publicKey, privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const codes = new Map();
let life_s = 300;
let isSignedIn = false;

const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

function token(nonce) {
  const now = Math.floor(Date.now() / 1000);
  const parts = [{ alg: 'RS256', kid: 'one', typ: 'JWT' }, { iss: issuer, aud: CLIENT, sub: 'u1', name: 'Alma Nowak', groups: ['audit'], nonce, iat: now, exp: now + life_s }];
  const message = parts.map((part) => base64url(JSON.stringify(part))).join('.');
  return `${message}.${base64url(crypto.sign('RSA-SHA256', Buffer.from(message), privateKey))}`;
}

const ROUTES = {
  '/.well-known/openid-configuration': () => json({ issuer, jwks_uri: `${issuer}/keys`, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` }),
  '/framing': (asked) => ({ status: 200, type: 'text/html', text: `<!doctype html><html lang="en"><title>Office</title><h1>Booking 7</h1><iframe title="What happened" width="900" height="500" src="${asked.get('address').replaceAll('"', '')}"></iframe></html>` }),
  '/keys': () => json({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' }] }),

  // How long what it says is good for, and whether somebody is signed in here, from now on.
  '/world': (asked) => {
    life_s = Number(asked.get('life') ?? 300);
    isSignedIn = asked.has('signed-in');
    return { status: 204 };
  },

  '/authorize': (asked) => {
    if (asked.get('client_id') !== CLIENT || asked.get('redirect_uri') !== redirect || asked.get('code_challenge_method') !== 'S256') return { status: 400, text: 'no' };
    const code = base64url(crypto.randomBytes(16));
    codes.set(code, asked);
    if (asked.get('prompt') === 'none') {
      const more = isSignedIn ? { code } : { error: 'login_required' };
      return { status: 303, location: `${redirect}?${new URLSearchParams({ ...more, state: asked.get('state') })}` };
    }
    const back = (more) => `${redirect}?${new URLSearchParams({ ...more, state: asked.get('state') })}`.replaceAll('&', '&amp;');
    return { status: 200, type: 'text/html', text: `<!doctype html><title>Provider</title><a id="agree" href="${back({ code })}">Agree</a> <a id="deny" href="${back({ error: 'access_denied' })}">Deny</a>` };
  },

  '/token': (form) => {
    const asked = codes.get(form.get('code'));
    codes.delete(form.get('code'));
    const challenge = base64url(crypto.createHash('sha256').update(form.get('code_verifier') ?? '').digest());
    const fits = asked && asked.get('code_challenge') === challenge && form.get('redirect_uri') === redirect && form.get('client_id') === CLIENT;
    return fits ? json({ access_token: 'x', token_type: 'Bearer', id_token: token(asked.get('nonce')) }) : json({ error: 'invalid_grant' }, 400);
  },
};

function json(body, status = 200) {
  return { status, type: 'application/json', text: JSON.stringify(body) };
}

http.createServer(async (request, response) => {
  const url = new URL(request.url, issuer);
  let form = '';
  for await (const part of request) form += part;
  const route = ROUTES[url.pathname];
  const { status, type, text, location } = route ? route(new URLSearchParams(request.method === 'POST' ? form : url.search)) : { status: 404, type: 'text/plain', text: '' };
  response.writeHead(status, { 'content-type': type ?? 'text/plain', ...(location && { location }) }).end(text);
}).listen(Number(port), '127.0.0.1', () => console.log('listens'));
