/**
 * Computes a value from an object once, for the lifetime of the object. Data that thousands of sessions share, such as
 * the bogon ranges, is then compiled, printed and hashed once.
 */
export function once<K extends WeakKey, T>(make: (key: K) => T): (key: K) => T
export function once<K, T>(make: (key: K) => T, made: Map<K, T>): (key: K) => T
export function once<K extends WeakKey, T>(
  make: (key: K) => T,
  made: Pick<WeakMap<K, T>, 'get' | 'set'> = new WeakMap<K, T>(),
): (key: K) => T {
  return (key) => {
    let value = made.get(key)
    if (value === undefined) {
      value = make(key)
      made.set(key, value)
    }
    return value
  }
}
