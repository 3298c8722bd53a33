/** Whom a token is for. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/
