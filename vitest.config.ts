import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      ...['unit', 'golden', 'invalid', 'property'].map((name) => ({
        test: { name, include: [`test/${name}/**/*.test.ts`], maxWorkers: '100%', testTimeout: 60_000 },
      })),
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          // One fleet on one machine: the files share its namespaces. `scripts/test` gives each file its own.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'proof',
          include: ['test/proof/**/*.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
