// Spans of time that have a name.

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** The chips over a trend. */
export const CHIPS: readonly { name: string; ms: number }[] = [
  { name: '1 h', ms: HOUR_MS },
  { name: '8 h', ms: 8 * HOUR_MS },
  { name: '1 d', ms: DAY_MS },
  { name: '1 w', ms: 7 * DAY_MS },
  { name: '1 mo', ms: 30 * DAY_MS },
  { name: '1 y', ms: 365 * DAY_MS },
];
