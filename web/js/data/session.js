// Signing in and out. A token is exchanged for a cookie that no script can read, this one neither. Where this listener
// makes no cookies, or the browser takes none (they are for TLS, and for this machine), the token itself is kept for the tab.

import * as api from './api.js';

/** Who somebody is to this listener; null where it does not say. */
export let who = null;

export const isSignedIn = () => Boolean(api.hasToken() || who?.hasCookie);

/** Asks who somebody is; a listener without sessions says nothing. */
export async function learn() {
  who = await api.session('GET').catch(() => null);
  return who;
}

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
  if (!(await learn())?.hasCookie) api.takeToken(kept);
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

export async function signOut() {
  if (who?.hasCookie) await api.session('DELETE').catch(() => null);
  api.dropToken();
  who = null;
}
