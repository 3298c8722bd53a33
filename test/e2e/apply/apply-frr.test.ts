import { describe } from 'vitest'
import { patience } from '../../patience.ts'
import { testApplyOn } from '../fixtures/apply/cases.ts'

describe('apply on frr', { timeout: patience(180_000) }, () => testApplyOn('frr'))
