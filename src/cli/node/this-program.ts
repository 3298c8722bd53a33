import { resolve } from 'node:path'
import { programVersion } from '../program-version.ts'

/** The program that runs, for the controller to start its guard with. */
export function thisProgram() {
  return { argv: [process.execPath, resolve(process.argv[1]!)], version: programVersion }
}
