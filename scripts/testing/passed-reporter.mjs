import { appendFileSync } from 'node:fs'

/** Of a run that is interrupted vitest writes no report: a line for each test that has passed, beside the report's place. */
export default class {
  #path = ''

  /** @param {import('vitest/node').Vitest} vitest */
  onInit({ config }) {
    if (typeof config.outputFile === 'string') this.#path = `${config.outputFile}.passed`
  }

  /** @param {import('vitest/node').TestCase} test */
  onTestCaseResult(test) {
    if (test.result().state === 'passed') appendFileSync(this.#path, `${test.fullName}\n`)
  }
}
