/** `1 node`, `3 nodes`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`
}

/** `912,345 routes`. */
export function countMany(amount: number, noun: string, plural = `${noun}s`): string {
  return `${String(amount).replace(/\B(?=(?:\d{3})+$)/g, ',')} ${amount === 1 ? noun : plural}`
}
