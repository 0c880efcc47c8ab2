// Whether the entry is where the log says it is: the proof is fetched, computed here, and shown with what it rests on.

import { check } from '../../proof/check.js';
import { hex } from '../../proof/note.js';
import { h, value } from '../../ui/dom.js';
import { icon } from '../../ui/icons.js';
import { number, t } from '../../ui/lang.js';
import { exact } from '../../ui/time.js';
import { button } from '../states.js';

const MARKS = { sealed: 'record-seal', unsealed: 'clock', unchecked: 'note', wrong: 'failure' };

export function proof(event) {
  const box = h('div', { class: 'proof', role: 'status' });
  const run = async () => {
    box.replaceChildren(h('p', { class: 'hint' }, t('proof.checking')));
    box.className = 'proof';
    try {
      show(box, event, await check(event), run);
    } catch (error) {
      box.replaceChildren(h('p', {}, t(error.kind === 'missing' ? 'proof.absent' : 'proof.failed', { why: error.problem?.detail ?? t(`error.${error.kind ?? 'failed'}.title`) })), button(t('proof.again'), run));
    }
  };
  run();
  return [box, h('p', { class: 'hint' }, t('proof.hint'))];
}

function show(box, event, found, again) {
  const { note } = found;
  const sizes = { entry: event.sequence ?? 0, size: Number(note?.size ?? 0) };
  const lines = [
    ['proof.checkpoint', note && [value(note.origin, 120), note.time && h('div', { class: 'sub' }, exact(note.time))]],
    ['proof.size', note && number(sizes.size)],
    ['proof.signer', found.signer && [value(found.signer, 120), ' ', h('span', { class: 'sub' }, t(`proof.signature.${found.isSigned}`))]],
    ['proof.leaf', mono(found.leaf)],
    ['proof.root', note && mono(hex(note.root))],
    found.state === 'wrong' && !found.isOwn && ['proof.computedLeaf', mono(found.computedLeaf ?? t('proof.noRoot'))],
    found.state === 'wrong' && ['proof.computed', mono(found.computed ?? t('proof.noRoot'))],
    ['proof.hashes', note && t('proof.computedFrom', { n: found.count, ms: Math.max(1, Math.round(found.took_ms)) })],
  ];
  box.classList.toggle('is-wrong', found.state === 'wrong');
  box.replaceChildren(
    h('div', { class: 'proof-head' }, icon(MARKS[found.state]), h('b', {}, t(`proof.${found.state}`)), button(t('proof.again'), again)),
    h('p', {}, t(`proof.${found.state}.text`, sizes)),
    h('dl', { class: 'facts' }, lines.filter((line) => line && line[1]).map(([name, shown]) => [h('dt', {}, t(name)), h('dd', {}, shown)])));
}

const mono = (text) => h('span', { class: 'mono' }, value(text, 200));
