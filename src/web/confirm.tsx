import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { keepToken, keptToken } from './token.ts'
import { TokenField } from './token-form.tsx'

interface Props {
  title: string
  /** Of the button that sends the order. */
  action: string
  /** Sends the order with the token that is kept. Throws an error for a person. */
  send: () => Promise<unknown>
  /** What has become of it, from then on. */
  progress: ComponentChildren
  onClose: () => void
  /** What it does, and its fields. */
  children: ComponentChildren
}

/** Asks before an order, and for the token. The browser gives the focus back when it closes. */
export function Confirm({ title, action, send, progress, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  const [token, setToken] = useState('')
  const [step, setStep] = useState<'asking' | 'sending' | 'sent'>('asking')
  const [problem, setProblem] = useState<string | null>(null)
  useEffect(() => dialog.current!.showModal(), [])
  const needsToken = keptToken() === null
  const submit = async () => {
    if (needsToken) keepToken(token.trim())
    setStep('sending')
    setProblem(null)
    try {
      await send()
      setStep('sent')
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
      setStep('asking')
    }
    setToken('')
  }
  return (
    <dialog ref={dialog} aria-labelledby={heading} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void submit()
        }}
      >
        <h2 id={heading}>{title}</h2>
        {step === 'sent' ? (
          <div role="status">{progress}</div>
        ) : (
          <>
            {children}
            {needsToken && <TokenField token={token} onInput={setToken} />}
          </>
        )}
        <p role="alert" class="bad">
          {problem !== null && `✖ Not ordered: ${problem}`}
        </p>
        <div class="buttons">
          {step !== 'sent' && (
            <button type="submit" class="primary" disabled={step === 'sending'}>
              {step === 'sending' ? 'Sending…' : action}
            </button>
          )}
          <button type="button" onClick={() => dialog.current!.close()}>
            {step === 'sent' ? 'Close' : 'Cancel'}
          </button>
        </div>
      </form>
    </dialog>
  )
}
