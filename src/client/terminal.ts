import { styleFor } from '../view/style.js';
import type { Cli } from './cli.js';

/** The terminal, pipe or file that this process writes to. */
export function terminal(): Cli {
  const { stdin, stdout, stderr, env } = process;
  const moving = stderr.isTTY && env.TERM !== 'dumb';
  let live = '';
  const clear = () => (live ? stderr.write('\r\u001b[K') : undefined);
  const write = (stream: NodeJS.WriteStream, text: string) => {
    clear();
    stream.write(`${text}\n`);
    if (live) stderr.write(live);
  };
  // `slipway history … | head` ends when its reader does.
  for (const stream of [stdout, stderr]) stream.on('error', () => process.exit());
  return {
    out: (text) => write(stdout, text),
    say: (text) => write(stderr, text),
    live: (text) => {
      if (!moving) return;
      clear();
      live = text.slice(0, Math.max(20, (stderr.columns || 80) - 1));
      stderr.write(live);
    },
    moving,
    env,
    person: Boolean(stdin.isTTY && stderr.isTTY),
    outStyle: styleFor(stdout, env),
    sayStyle: styleFor(stderr, env),
    interrupted: interrupts(),
  };
}

function interrupts(): () => AbortSignal {
  const controller = new AbortController();
  let listening = false;
  return () => {
    if (!listening) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
    listening = true;
    return controller.signal;
  };
}
