// Events over time, drawn here: grey for all, failures and denials on the ground line in the colours of results.
// Dragging over it narrows the search to that span; who uses no pointer has the same in the menu of times.

import { h, s } from '../ui/dom.js';
import { number, t } from '../ui/lang.js';
import { clock, clockShort, dayOf, dayShort, moment } from '../ui/time.js';
import { go, state } from '../state.js';

const WIDTH = 1000;

/** A chart of counted times, `height` units high. */
export function chart(histogram, { height, hasScale = false }) {
  const { outcomes } = histogram;
  const most = Math.max(...histogram.bars.map((bar) => bar.all)) * 1.04 || 1;
  const drawing = s('svg', { viewBox: `0 0 ${WIDTH} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label(histogram, outcomes) });
  const step = WIDTH / histogram.bars.length;
  histogram.bars.forEach((bar, index) => drawing.append(...barOf(bar, index * step, step, height, most)));
  const frame = h('div', { class: hasScale ? 'chart is-tall' : 'chart' }, h('div', { class: 'chart-plot' }, drawing), axis(histogram));
  if (hasScale) frame.append(scale(most, height));
  choosing(frame.firstChild, histogram);
  return frame;
}

function barOf(bar, x, step, height, most) {
  if (!bar.all) return [];
  const tall = (count) => (count ? Math.max(2.5, (count / most) * height) : 0);
  const [failure, denied] = [tall(bar.failure), tall(bar.denied)];
  const rest = Math.max(0, tall(bar.all) - failure - denied);
  const [left, wide] = [x + step * 0.14, step * 0.72];
  const piece = (name, top, size) => size > 0 && s('rect', { class: `bar-${name}`, x: left, width: wide, y: height - top - size, height: size });
  return [piece('failure', 0, failure), piece('denied', failure, denied), piece('all', failure + denied, rest)].filter(Boolean);
}

function label(histogram, outcomes) {
  const { n } = histogram.of;
  return t('chart.label', { n, failure: outcomes.failure, denied: outcomes.denied, from: moment(histogram.from), to: moment(endOf(histogram)) });
}

const endOf = (histogram) => histogram.from + histogram.bars.length * histogram.step_ms;

/** A mark where a day begins, or at hours where there is but one; never so many that they touch. */
function axis(histogram) {
  const days = [];
  histogram.bars.forEach((_, index) => {
    const at = histogram.from + index * histogram.step_ms;
    if (index > 0 && dayOf(at) !== dayOf(at - histogram.step_ms)) days.push([index, dayShort(at)]);
  });
  const every = Math.max(1, Math.ceil(histogram.bars.length / 5));
  const time = histogram.step_ms < 60_000 ? clock : clockShort;
  const hour = (index) => histogram.from + index * histogram.step_ms;
  const hours = () => histogram.bars.map((_, index) => [index, index ? time(hour(index)) : moment(hour(index))]).filter(([index]) => index % every === 0);
  const marks = days.length > 1 ? days.filter((_, index) => index % Math.ceil(days.length / 8) === 0) : hours();
  return h('div', { class: 'axis', 'aria-hidden': 'true' }, marks.map(([index, text]) => {
    const mark = h('span', {}, text);
    mark.style.left = `${(index / histogram.bars.length) * 100}%`;
    return mark;
  }));
}

function scale(most, height) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((one) => most / one <= 4) ?? Math.ceil(most / 4);
  const lines = Array.from({ length: Math.floor(most / step) }, (_, index) => (index + 1) * step);
  return h('div', { class: 'scale num', 'aria-hidden': 'true' }, lines.map((line) => {
    const mark = h('span', {}, number(line));
    mark.style.bottom = `${(line / most) * height}px`;
    return mark;
  }));
}

function choosing(plot, histogram) {
  const at = (event) => {
    const box = plot.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  let [start, mark] = [null, null];
  plot.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || event.pointerType === 'touch') return;
    start = at(event);
    mark = h('div', { class: 'chosen' });
    plot.append(mark);
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener('pointermove', (event) => {
    if (!mark) return;
    const [low, high] = [start, at(event)].sort((a, b) => a - b);
    mark.style.left = `${low * 100}%`;
    mark.style.width = `${(high - low) * 100}%`;
  });
  plot.addEventListener('pointerup', (event) => {
    if (!mark) return;
    mark.remove();
    mark = null;
    const shares = [start, at(event)].sort((a, b) => a - b).map((share) => share * histogram.bars.length);
    // Who only clicks means the bar under the pointer.
    const span = shares[1] - shares[0] < 0.5 ? [Math.floor(shares[0]), Math.floor(shares[0]) + 1] : shares.map(Math.round);
    if (span[1] > span[0] && span[0] < histogram.bars.length) narrow(histogram, span);
  });
  plot.addEventListener('pointercancel', () => {
    mark?.remove();
    mark = null;
  });
}

function narrow(histogram, span) {
  const [from, to] = span.map((index) => new Date(histogram.from + index * histogram.step_ms).toISOString());
  const isToNow = span[1] === histogram.bars.length;
  go({ search: { ...state.search, from, to: isToNow ? null : to } }, { push: true });
}
