// Reasons of the page's own, not the gateway's.

/** Asked for, not yet answered. */
export const WAITING = 'reading…';
/** The link to the gateway is gone. */
export const NO_LINK = 'no connection';
