import { type Check, unseen } from '../../check.ts'

/** Before the apply, which then refuses: its operator has no surprise. */
export const foreign: Check = {
  name: 'foreign',
  reads:
    'routing that no bundle has written, and changes of the configuration file since the last apply: `anyward apply` refuses both',
  async examine({ findLoss }) {
    if (findLoss === null) return []
    const loss = await findLoss()
    return loss === null ? [] : [unseen(`\`anyward apply\` will refuse. ${loss.detail}`, loss.cure)]
  },
}
