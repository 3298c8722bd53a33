import { execa } from 'execa'
import { expect } from 'vitest'

/** Checks names, types and help texts with `promtool check metrics`. */
export async function expectGoodMetrics(text: string): Promise<void> {
  const { all, exitCode } = await execa('promtool', ['check', 'metrics'], {
    input: text,
    all: true,
    reject: false,
  })
  expect({ all, exitCode }).toEqual({ all: '', exitCode: 0 })
}
