import { describe } from 'vitest'
import { testApplyOn } from './fixture-apply/cases.ts'

describe('apply on frr', { timeout: 180_000 }, () => testApplyOn('frr'))
