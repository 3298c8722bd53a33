import { useState } from 'preact/hooks'
import { keepToken } from './token.ts'

/** Asks for the token, where reading needs one. */
export function TokenForm({ why, onToken }: { why: string; onToken?: () => void }) {
  const [token, setToken] = useState('')
  return (
    <form
      class="token"
      onSubmit={(event) => {
        event.preventDefault()
        keepToken(token.trim())
        setToken('')
        onToken?.()
      }}
    >
      <p role="alert">{why}.</p>
      <TokenField token={token} onInput={setToken} />
      <button type="submit">Use this token</button>
    </form>
  )
}

export function TokenField({ token, onInput }: { token: string; onInput: (token: string) => void }) {
  return (
    <label>
      Token, from <code>anyward token NAME</code>{' '}
      <input
        type="password"
        autocomplete="off"
        required
        value={token}
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
      />
      <small> kept in this tab only</small>
    </label>
  )
}
