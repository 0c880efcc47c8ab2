// Of how many events a figure speaks, in words.

import { t } from '../ui/lang.js';

/** `of` is what `counts` says beside its figures. */
export function ofWords({ n, isWhole, isSample }) {
  return t(isWhole ? 'count.all' : isSample ? 'count.newest' : 'count.atLeast', { n });
}
