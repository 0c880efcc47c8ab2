// What this browser keeps for its person: theme, language, density, columns, saved searches. A browser that keeps
// nothing is no error; the page then forgets.

const PREFIX = 'earwitness.';

export const kept = {
  read(name) {
    try {
      return localStorage.getItem(PREFIX + name);
    } catch {
      return null;
    }
  },

  write(name, text) {
    try {
      if (text === null) localStorage.removeItem(PREFIX + name);
      else localStorage.setItem(PREFIX + name, text);
    } catch {
      // Full or switched off.
    }
  },

  /** A list that was kept as JSON; anything else that stands there is passed over. */
  list(name) {
    try {
      const found = JSON.parse(this.read(name) ?? '[]');
      return Array.isArray(found) ? found : [];
    } catch {
      return [];
    }
  },
};
