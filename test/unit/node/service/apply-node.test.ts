import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { plannerKeysName, renderPlannerKeys } from '../../../../src/manifest/planner-keys.ts'
import { applyOnNode } from '../../../../src/node/service/apply-node.ts'
import { makeSigner } from '../../bundle/signer.ts'

test('a bundle that names another folder than that of this machine’s keys is refused before anything is done', async () => {
  const ownBundleDir = await mkdtemp(join(tmpdir(), 'anyward-own-'))
  onTestFinished(() => rm(ownBundleDir, { recursive: true }))
  await writeFile(join(ownBundleDir, plannerKeysName), renderPlannerKeys([`ssh-ed25519 ${makeSigner().key}`]))
  const steps: string[] = []
  const applying = applyOnNode({
    ...{ bundle: 'test/golden/example/out/fra1/fra1-a', ownBundleDir, timeoutMs: 1000, replace: false },
    dryRun: false,
    ...{ keysFile: null, onStep: (step: string) => steps.push(step) },
  })
  await expect(applying).rejects.toMatchObject({
    name: 'OperationError',
    outcome: 'refused',
    message: `this bundle would be installed in /etc/anyward/bundle, and this machine has pinned the keys of ${join(ownBundleDir, plannerKeysName)}`,
  })
  expect(steps).toEqual([])
})
