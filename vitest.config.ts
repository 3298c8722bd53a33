import { defineConfig } from 'vitest/config'
import { patience } from './test/patience.ts'

/** What runs again in the guest of `scripts/test --kernel`: it depends on the kernel's WireGuard. */
const againstTheKernel = [
  'test/e2e/wireguard/wireguard.test.ts',
  'test/e2e/wireguard/wireguard-failures.test.ts',
  'test/e2e/wireguard/side-checks.test.ts',
  'test/e2e/controller/drain.test.ts',
  'test/e2e/failures/*.test.ts',
  'test/e2e/rescue/*.test.ts',
]

/** Not a project of the host, whose kernel may lack all that it tests. */
const kernelProject = {
  test: {
    name: 'kernel',
    include: ['test/kernel/**/*.test.ts', ...againstTheKernel],
    fileParallelism: false,
    testTimeout: patience(180_000),
    hookTimeout: patience(180_000),
  },
}

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
      ...(process.env.ANYWARD_TEST_KERNEL === '1' ? [kernelProject] : []),
    ],
  },
})
