#!/usr/bin/env node
// An inventory for Ansible: each node with a bundle in the folder of `anyward plan --out`, which is ANYWARD_OUT or `out`.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const out = resolve(process.env.ANYWARD_OUT ?? 'out')
const fail = (message) => {
  console.error(
    `inventory: ${message}: run \`anyward plan --out ${out}\`, or name another folder with ANYWARD_OUT`,
  )
  process.exit(1)
}
if (!existsSync(out)) fail(`there is no folder ${out}`)
const folders = (dir) =>
  readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => join(dir, name))
    .sort()

const nodes = folders(out)
  .flatMap(folders)
  .filter((dir) => existsSync(join(dir, 'manifest.json')))
  .map((dir) => {
    const { node, site, services } = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'))
    return { dir, node, site, services: services.map(({ name }) => name) }
  })

if (nodes.length === 0) fail(`${out} has no bundle`)

/** A drain of the only node of its services would be an outage. */
const hasAnother = ({ node, services }) =>
  nodes.some((one) => one.node !== node && one.services.some((service) => services.includes(service)))

const hostvars = {}
const groups = {}
for (const one of nodes) {
  hostvars[one.node] = { anyward_bundle: one.dir, anyward_drain: hasAnother(one) }
  const group = `site_${one.site.replace(/\W/g, '_')}`
  groups[group] ??= { hosts: [] }
  groups[group].hosts.push(one.node)
}
const inventory = { _meta: { hostvars }, anyward: { children: Object.keys(groups) }, ...groups }
console.log(JSON.stringify(inventory, null, 2))
