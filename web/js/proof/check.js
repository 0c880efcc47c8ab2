// The proof that an entry is in the log, checked here and not believed: its leaf out of the stored record, the way from
// the leaf to the root of the tree (RFC 9162, section 2.1.3.2), the checkpoint that has this root, and its signature.

import * as api from '../data/api.js';
import { leafOf, sha256, stored } from './leaf.js';
import { bytes, hex, parse, signed } from './note.js';

/** What was found out about an entry's place. `state`: sealed, unsealed, wrong, unchecked. */
export async function check(event) {
  const start = performance.now();
  const [proof, keys, given] = await Promise.all([api.proof(event.id), api.key().catch(() => ''), api.eventBytes(event.id)]);
  const [note, record] = [parse(proof.checkpoint), stored(given)];
  const found = { note, leaf: record?.leaf ?? event.leaf, count: (proof.hashes ?? []).length, took_ms: 0, signer: null, isSigned: null };
  if (!globalThis.crypto?.subtle) return { ...found, state: note ? 'unchecked' : 'unsealed' };
  const leaf = record && (await leafOf(record));
  const isOwn = Boolean(leaf) && hex(leaf) === record.leaf && record.sequence === BigInt(proof.index) + 1n;
  if (!note && isOwn) return { ...found, state: 'unsealed' };
  const root = leaf && note && (await rootOf(leaf, BigInt(proof.index), BigInt(proof.size), proof.hashes.map(bytes)));
  const isIn = Boolean(root) && BigInt(proof.size) === note.size && hex(root) === hex(note.root);
  const signature = note ? await signed(note, keys) : {};
  const isRight = isOwn && isIn && signature.isSigned !== false;
  return { ...found, ...signature, computed: root && hex(root), computedLeaf: leaf && hex(leaf), isOwn, took_ms: performance.now() - start, state: isRight ? 'sealed' : 'wrong' };
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

const node = (left, right) => sha256(Uint8Array.of(1), left, right);
