// What this phone remembers; a private window may refuse, and nothing breaks.

export const kept = {
  get(key: string): string | null {
    try {
      return localStorage.getItem(`forebay.${key}`);
    } catch {
      return null;
    }
  },
  set(key: string, value: string): void {
    try {
      localStorage.setItem(`forebay.${key}`, value);
    } catch {
      /* a private window: the choice lasts until it is closed */
    }
  },
};
