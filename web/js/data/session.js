// Signing in and out. A token is exchanged for a cookie that no script can read, this one neither. Where this listener
// makes no cookies, or the browser takes none (they are for TLS, and for this machine), the token itself is kept for the tab.

import * as api from './api.js';

/** Who somebody is to this listener; null where it does not say. */
export let who = null;

export const isSignedIn = () => Boolean(api.hasToken() || who?.hasCookie);

const has = (grant) => Boolean(who?.grants?.includes(grant) && who.ways?.length);

/** True for who makes links: a link shows no more than its maker sees. Where nobody is asked for a token, none is made. */
export const mayShare = () => has('auditor');

/** True for who sees which links there are, and revokes them. */
export const mayRevoke = () => has('auditor') || has('operator');

/** True for who erases values of persons: an operator. */
export const mayErase = () => has('operator');

/** Asks who somebody is; a listener without sessions says nothing. */
export function learn() {
  learning = api.session('GET').catch(() => null).then((found) => (who = found));
  return learning;
}

/** Who somebody is, once it is known. */
export const known = () => learning ?? learn();

let learning = null;

/** Shows a token. One that is not known is told by the first question to the log. */
export async function signIn(token) {
  api.takeToken(token);
  try {
    await api.session('POST');
  } catch (error) {
    if (error.kind === 'signIn' || error.kind === 'busy') throw error;
    return;
  }
  const [kept] = [token, api.dropToken()];
  // Only now is it known whether the browser kept the cookie.
  if ((await learn())?.hasCookie) return;
  api.takeToken(kept);
  await learn();
}

/** Why a sign-in elsewhere came to nothing; said once, and then out of the address. */
export function refusal() {
  const word = new URLSearchParams(location.hash.slice(1)).get('signIn');
  if (word) history.replaceState(null, '', location.pathname + location.search);
  return word;
}

/** Takes a link's token out of the address, for this tab alone: whoever is signed in by a cookie stays so elsewhere. */
export function takeLink() {
  const token = new URLSearchParams(location.hash.slice(1)).get('link');
  if (!token) return false;
  history.replaceState(null, '', location.pathname + location.search);
  api.takeToken(token);
  return true;
}

/** Where people sign in elsewhere; null where they do not. */
export const provider = () => (who?.ways?.includes('oidc') ? who.provider : null);

/**
 * Where somebody has signed in elsewhere and his session is over: goes there and comes back with another, to the same search. Who is not
 * signed in there any more comes back to be asked. True while that is under way; not twice in half a minute.
 */
export function renew() {
  if (isLeaving) return true;
  if (!who?.hasCookie || !who.id?.startsWith('oidc:') || !provider() || Date.now() - left() < LEAVES_EVERY_MS) return false;
  try {
    sessionStorage.setItem(LEFT, String(Date.now()));
  } catch {
    // Without it, nobody could tell whether this is the first time.
    return false;
  }
  isLeaving = true;
  location.replace(`audit/v1/session/oidc?${new URLSearchParams({ quiet: 'true', to: location.search.slice(1) })}`);
  return true;
}

let isLeaving = false;
const LEFT = 'earwitness:left';
const LEAVES_EVERY_MS = 30_000;

function left() {
  try {
    return Number(sessionStorage.getItem(LEFT));
  } catch {
    return 0;
  }
}

export async function signOut() {
  if (who?.hasCookie) await api.session('DELETE').catch(() => null);
  api.dropToken();
  who = null;
}
