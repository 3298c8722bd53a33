import { describe } from 'vitest'
import { patience } from '../../patience.ts'
import { testApplyOn } from '../fixtures/apply/cases.ts'

describe('apply on bird', { timeout: patience(180_000) }, () => testApplyOn('bird'))
