// A long list that stays fast: rows come in chunks, and a chunk far from the window is emptied, keeping its height.

const FAR = '1600px 0px';
export const CHUNK = 40;

export class Chunks {
  /** `render(events)` makes the rows of a chunk; `hold(element, height_px)` keeps an empty one's place. */
  constructor(render, hold) {
    this.render = render;
    this.hold = hold;
    this.held = new Map();
    this.observer = new IntersectionObserver((entries) => entries.forEach((entry) => this.seen(entry)), { rootMargin: FAR });
  }

  /** Gives an element its events and fills it. */
  add(element, events) {
    this.held.set(element, events);
    this.fill(element);
    this.observer.observe(element);
  }

  /** Fills the chunk that holds an event; the element, or null. */
  filled(id) {
    for (const [element, events] of this.held) {
      if (!events.some((event) => event.id === id)) continue;
      this.fill(element);
      return element;
    }
    return null;
  }

  fill(element) {
    if (element.dataset.filled) return;
    element.dataset.filled = 'yes';
    this.hold(element, null);
    element.replaceChildren(...this.render(this.held.get(element)));
  }

  /** Makes the rows of the chunks that are filled anew. */
  again() {
    for (const element of this.held.keys()) {
      if (!element.dataset.filled) continue;
      delete element.dataset.filled;
      this.fill(element);
    }
  }

  seen({ target, isIntersecting, boundingClientRect }) {
    if (isIntersecting) this.fill(target);
    else if (target.dataset.filled && !target.contains(document.activeElement)) {
      delete target.dataset.filled;
      target.replaceChildren();
      this.hold(target, boundingClientRect.height);
    }
  }

  close() {
    this.observer.disconnect();
    this.held.clear();
  }
}

/** A list in pieces of at most so many. */
export function pieces(list, size = CHUNK) {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) => list.slice(index * size, (index + 1) * size));
}
