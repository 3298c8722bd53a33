import { manifestName } from '../../bundle/read.ts'
import { hashOf } from '../../files/hash.ts'
import type { BundleFile } from '../../manifest/bundle-file.ts'
import type { Manifest } from '../../manifest/manifest.ts'
import { buildManifest } from '../compile/build-manifest.ts'
import type { NodePlan } from '../compile/plan.ts'
import type { Renderer } from '../render/render.ts'

/** Renders all files of a node's bundle, its manifest last. */
export function renderBundle(render: Renderer, node: NodePlan): readonly BundleFile[] {
  return renderWithManifest(render, node).files
}

export function renderWithManifest(
  render: Renderer,
  node: NodePlan,
): { readonly files: readonly BundleFile[]; readonly manifest: Manifest } {
  const files = render(node)
  const manifest = buildManifest(node, files, hashOf)
  const content = `${JSON.stringify(manifest, null, 2)}\n`
  return { files: [...files, { path: manifestName, content }], manifest }
}
