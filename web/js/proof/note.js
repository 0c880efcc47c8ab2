// A checkpoint of the log: a signed note (C2SP signed-note, tlog-checkpoint), and whether one of the log's keys signed it.

/** A checkpoint: origin, size, root, and the signatures below them; null for what is none. */
export function parse(text) {
  const [body, signatures] = String(text ?? '').split('\n\n');
  const [origin, size, root] = body.split('\n');
  if (!signatures || !/^\d+$/.test(size) || !root) return null;
  const list = signatures.split('\n').map((line) => line.match(/^— (\S+) (\S+)$/)).filter(Boolean).map(([, name, blob]) => ({ name, blob: bytes(blob) }));
  // When it was issued, where a further line says so.
  const time = body.match(/\d{4}-\d\d-\d\dT[\d:.]+Z/)?.[0] ?? null;
  return { origin, size: BigInt(size), root: bytes(root), body: `${body}\n`, signatures: list, time };
}

/** Whether one of these keys signed it: `isSigned` is null where this browser knows no Ed25519. */
export async function signed(note, keys) {
  for (const { name, blob } of note.signatures) {
    for (const [, known, , encoded] of String(keys).matchAll(/([^\s+"]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)/g)) {
      if (known !== name) continue;
      try {
        // The first byte of a key says that it is of Ed25519, the first four of a signature which key it is of.
        const key = await crypto.subtle.importKey('raw', bytes(encoded).slice(1), { name: 'Ed25519' }, false, ['verify']);
        if (await crypto.subtle.verify({ name: 'Ed25519' }, key, blob.slice(4), new TextEncoder().encode(note.body))) return { signer: name, isSigned: true };
      } catch {
        return { signer: name, isSigned: null };
      }
    }
  }
  return { signer: note.signatures[0]?.name ?? null, isSigned: false };
}

/** Bytes of what is written in hexadecimal, or else in base64. */
export function bytes(text) {
  if (/^[0-9a-f]{64}$/i.test(text)) return Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
  return Uint8Array.from(atob(String(text).replace(/-/g, '+').replace(/_/g, '/')), (sign) => sign.charCodeAt(0));
}

export const hex = (list) => [...list].map((one) => one.toString(16).padStart(2, '0')).join('');
