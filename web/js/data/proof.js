// The proof that an entry is in the log, checked here and not believed: the way from the entry's leaf to the root of the
// tree (RFC 9162, section 2.1.3.2), the checkpoint that has this root, and the signature under it (C2SP signed notes).

import * as api from './api.js';

/** What was found out about an entry's place. `state`: sealed, unsealed, wrong, unchecked. */
export async function check(event) {
  const start = performance.now();
  const [proof, keys] = await Promise.all([api.proof(event.id), api.key().catch(() => '')]);
  const note = parse(proof.checkpoint);
  const found = { note, leaf: event.leaf, count: proof.hashes.length, took_ms: 0, signer: null, isSigned: null };
  if (!note) return { ...found, state: 'unsealed' };
  if (!globalThis.crypto?.subtle) return { ...found, state: 'unchecked' };
  const root = await rootOf(bytes(event.leaf), BigInt(proof.index), BigInt(proof.size), proof.hashes.map(bytes));
  const isIn = root !== null && BigInt(proof.size) === note.size && same(root, note.root);
  const signature = await signed(note, keys);
  return { ...found, ...signature, computed: root && hex(root), took_ms: performance.now() - start, state: isIn && signature.isSigned !== false ? 'sealed' : 'wrong' };
}

/** A checkpoint: origin, size, root, and the signatures below them; null for what is none. */
export function parse(text) {
  const [body, signatures] = String(text ?? '').split('\n\n');
  const [origin, size, root] = body.split('\n');
  if (!signatures || !/^\d+$/.test(size) || !root) return null;
  const list = signatures.split('\n').map((line) => line.match(/^— (\S+) (\S+)$/)).filter(Boolean).map(([, name, blob]) => ({ name, blob: bytes(blob) }));
  return { origin, size: BigInt(size), root: bytes(root), rootText: root, body: `${body}\n`, signatures: list, time: timeOf(body) };
}

/** When it was issued, where a further line says so. */
function timeOf(body) {
  return body.match(/\d{4}-\d\d-\d\dT[\d:.]+Z/)?.[0] ?? null;
}

/** Whether one of the log's keys signed it: `isSigned` is null where this browser knows no Ed25519. */
async function signed(note, keys) {
  for (const { name, blob } of note.signatures) {
    for (const [, known, , encoded] of String(keys).matchAll(/([^\s+"]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)/g)) {
      if (known !== name) continue;
      const key = bytes(encoded).slice(1);
      try {
        const imported = await crypto.subtle.importKey('raw', key, { name: 'Ed25519' }, false, ['verify']);
        const fits = await crypto.subtle.verify({ name: 'Ed25519' }, imported, blob.slice(4), new TextEncoder().encode(note.body));
        if (fits) return { signer: name, isSigned: true };
      } catch {
        return { signer: name, isSigned: null };
      }
    }
  }
  return { signer: note.signatures[0]?.name ?? null, isSigned: false };
}

/** The root to which a leaf and the hashes beside its way lead; null where there are too few or too many of them. */
async function rootOf(leaf, index, size, hashes) {
  let [at, last, root] = [index, size - 1n, leaf];
  if (index >= size) return null;
  for (const hash of hashes) {
    if (last === 0n) return null;
    if (at % 2n === 1n || at === last) {
      root = await node(hash, root);
      while (at % 2n === 0n && at !== 0n) [at, last] = [at / 2n, last / 2n];
    } else root = await node(root, hash);
    [at, last] = [at / 2n, last / 2n];
  }
  return last === 0n ? root : null;
}

async function node(left, right) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array([1, ...left, ...right])));
}

/** Bytes of what is written in hexadecimal, or else in base64. */
function bytes(text) {
  if (/^[0-9a-f]{64}$/i.test(text)) return Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
  return Uint8Array.from(atob(String(text).replace(/-/g, '+').replace(/_/g, '/')), (sign) => sign.charCodeAt(0));
}

const same = (a, b) => a.length === b.length && a.every((one, index) => one === b[index]);
export const hex = (list) => [...list].map((one) => one.toString(16).padStart(2, '0')).join('');
