import { setMaxListeners } from 'node:events';
import { Context } from '@temporalio/activity';

/**
 * Keeps an activity's heart beating, with its last line of progress, and tells apart why it has to end: a requested
 * cancel (`cancelled`: the command is killed) or a worker that leaves (`detach`: the command goes on, the next worker adopts it).
 */
export function heartbeats(step: string) {
  const context = Context.current();
  const cancel = new AbortController();
  const detach = new AbortController();
  let line = '';
  let beaten = 0;
  const beat = () => {
    beaten = Date.now();
    context.heartbeat({ step, line });
  };
  const timer = setInterval(beat, 1000);
  const heard = context.cancellationSignal;
  const stop = () => (context.cancellationDetails?.cancelRequested ? cancel : detach).abort();
  if (heard.aborted) stop();
  else heard.addEventListener('abort', stop, { once: true });
  const interrupted = AbortSignal.any([cancel.signal, detach.signal]);
  // Each of many checks listens.
  setMaxListeners(0, cancel.signal, detach.signal, interrupted);
  return {
    cancelled: cancel.signal,
    detach: detach.signal,
    interrupted,
    left: () => detach.signal.aborted,
    say: (text: string) => {
      line = text.slice(0, 200);
      // A tool may print a million lines; each beat costs a payload.
      if (Date.now() - beaten >= 100) beat();
    },
    stop: () => {
      clearInterval(timer);
      heard.removeEventListener('abort', stop);
    },
  };
}
