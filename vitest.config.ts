import { defineConfig } from 'vitest/config'

const conditions = ['tidewire-source', 'module', 'node', 'development|production']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    // What is waited for happens in milliseconds; on a machine that does other work, or stands still now and then, it may take many seconds.
    expect: { poll: { timeout: 20_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts', 'testkit/test/**/*.test.ts', 'examples/*/test/unit/**/*.test.ts', 'bench/test/**/*.test.ts', 'test/reference/**/*.test.ts', 'test/fuzz/**/*.test.ts'],
          pool: 'forks',
          isolate: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        // Real clients and servers of other makes; each file owns its processes, so files run one after the other per worker.
        extends: true,
        test: {
          name: 'interop',
          include: ['interop/test/**/*.test.ts'],
          pool: 'forks',
          isolate: true,
          maxWorkers: 2,
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
      {
        // Clients that are built from source for minutes: `npm run test:long`, not part of `npm test`.
        extends: true,
        test: {
          name: 'long',
          include: ['interop/long/**/*.test.ts'],
          pool: 'forks',
          isolate: true,
          maxWorkers: 1,
          testTimeout: 60_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['examples/*/test/browser/**/*.test.ts', 'test/docs/**/*.test.ts'],
          pool: 'forks',
          isolate: true,
          maxWorkers: 1,
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
})
