import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      ...['unit', 'golden', 'invalid', 'property'].map((name) => ({
        test: { name, include: [`test/${name}/**/*.test.ts`], maxWorkers: '100%', testTimeout: 30_000 },
      })),
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          // One fleet on one machine: the files share its namespaces and its two cores.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'proof',
          include: ['test/proof/**/*.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
