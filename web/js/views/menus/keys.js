// The keys, and the switch that turns the single ones off (WCAG 2.1.4): who dictates text must not set them off.

import { h } from '../../ui/dom.js';
import { t } from '../../ui/lang.js';
import { kept } from '../../ui/kept.js';

export const KEYS = [['j', 'k'], ['Enter'], ['Esc'], ['/'], ['.'], ['p'], ['c'], ['d'], ['e'], ['g'], ['v'], ['u'], ['?']];

export const keysAreOn = () => kept.read('keys') !== 'off';
export const switchKeys = () => kept.write('keys', keysAreOn() ? 'off' : null);

export function keys() {
  return h('dl', { class: 'keys' }, KEYS.map((names) => [h('dt', {}, names.map((name) => h('kbd', {}, name))), h('dd', {}, t(`keys.${names[0]}`))]));
}
