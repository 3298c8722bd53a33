import { defineConfig } from 'vitest/config'
import { patience } from './test/patience.ts'

export default defineConfig({
  test: {
    projects: [
      ...['unit', 'golden', 'invalid', 'property'].map((name) => ({
        test: {
          name,
          include: [`test/${name}/**/*.test.ts`],
          maxWorkers: '100%',
          testTimeout: patience(60_000),
        },
      })),
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          // One fleet on one machine: the files share its namespaces. `scripts/test` gives each file its own.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: patience(120_000),
          hookTimeout: patience(120_000),
        },
      },
      {
        test: {
          name: 'proof',
          include: ['test/proof/**/*.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          testTimeout: patience(120_000),
          hookTimeout: patience(120_000),
        },
      },
    ],
  },
})
