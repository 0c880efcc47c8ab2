// One menu at a time: a box below the button that opened it. It closes on Esc, on a click beside it, and when the focus
// leaves it; the focus goes back to the button.

import { h } from './dom.js';

let open = null;

/** Opens a menu below a button, or closes it; `build(close)` makes what stands in it. */
export function toggle(button, label, build, width = 300) {
  const wasOpen = open?.button === button;
  close();
  if (wasOpen) return;
  const box = h('div', { class: 'menu', id: 'menu', role: 'dialog', 'aria-label': label, tabindex: -1 });
  box.append(...[build(close, box)].flat().filter(Boolean));
  document.body.append(box);
  button.setAttribute('aria-expanded', 'true');
  open = { button, box };
  place(box, button, width);
  (box.querySelector('[data-first]') ?? box.querySelector('button, input, select, a') ?? box).focus();
}

export function close({ refocus = true } = {}) {
  if (!open) return false;
  const { button, box } = open;
  open = null;
  const hadFocus = box.contains(document.activeElement);
  box.remove();
  button.setAttribute('aria-expanded', 'false');
  if (refocus && hadFocus) button.focus();
  return true;
}

/** Puts other things into the open menu, where it is still the one of that button. */
export function refill(box, ...children) {
  if (open?.box !== box) return;
  box.replaceChildren(...children.flat().filter(Boolean));
  place(box, open.button, box.offsetWidth);
}

/** Below the anchor, inside the window; on a phone the style sheet puts it at the bottom. */
export function place(box, anchor, width) {
  const at = anchor.getBoundingClientRect();
  box.style.width = `${width}px`;
  box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 16)) + scrollX}px`;
  box.style.top = `${at.bottom + scrollY + 4}px`;
  box.style.maxHeight = `${Math.max(220, innerHeight - at.bottom - 16)}px`;
}

/** A button that opens a menu. */
export function opener(attributes, label, build, ...children) {
  const { width, ...others } = attributes;
  const button = h('button', { type: 'button', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', ...others, onclick: () => toggle(button, label, build, width) }, children);
  return button;
}

document.addEventListener('pointerdown', (event) => {
  if (open && !open.box.contains(event.target) && !open.button.contains(event.target)) close({ refocus: false });
});
document.addEventListener('focusin', (event) => {
  if (open && !open.box.contains(event.target) && !open.button.contains(event.target)) close({ refocus: false });
});
