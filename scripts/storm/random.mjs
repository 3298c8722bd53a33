/**
 * Random numbers that are the same for the same words (mulberry32).
 *
 * @param {...(string | number)} words
 */
export function createRandom(...words) {
  let state = 0x811c9dc5
  for (const byte of Buffer.from(words.join('/'))) state = Math.imul(state ^ byte, 0x01000193)
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count) => Math.floor(next() * count)
  return {
    next,
    below,
    pick: (list) => list[below(list.length)],
    /** One of the list, with a probability by its `weight`. */
    weigh(list) {
      let left = next() * list.reduce((sum, { weight }) => sum + weight, 0)
      for (const one of list) {
        left -= one.weight
        if (left < 0) return one
      }
      return list.at(-1)
    },
  }
}
