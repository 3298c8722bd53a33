import { describe } from 'vitest'
import { testApplyOn } from './fixture-apply/cases.ts'

describe('apply on bird', { timeout: 180_000 }, () => testApplyOn('bird'))
