import { signedRollouts } from '../fixtures/rollout/signed-cases.ts'

signedRollouts('store')
