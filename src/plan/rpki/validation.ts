/** RFC 6811, section 2. `invalid-as`: no covering VRP names the origin. `invalid-length`: one does, but the prefix is too long. */
export type ValidationState = 'valid' | 'invalid-as' | 'invalid-length' | 'not-found'
