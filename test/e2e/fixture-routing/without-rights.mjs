// As root without capabilities, on the built code: what the daemon's adapter says of what belongs to another user. Node of
// Debian 13 refuses seteuid.
const [module, create, manifest] = process.argv.slice(2)
const adapter = (await import(module))[create]({ manifest: JSON.parse(manifest) })
const failureOf = (call) => call.then(() => null).catch(({ code, message }) => ({ code, message }))
const failures = {
  observe: await failureOf(adapter.observe()),
  apply: await failureOf(adapter.apply(new Map())),
}
adapter.close()
process.stdout.write(JSON.stringify(failures))
