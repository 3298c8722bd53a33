/** The words of FRR's commands behind which the rest of the line is a secret, as a part of a regular expression. */
export const frrSecretWords =
  '(?:password|key-string|md5|authentication-key|secret|string|hmac-sha-\\S+|area-password|domain-password)'
