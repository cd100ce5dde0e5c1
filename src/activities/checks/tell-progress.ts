import type { Watcher } from './run-checks.js';

/** One line while checks run: how many ended, which failed, which run now. */
export function tellProgress(say: (line: string) => void, count: number): Pick<Watcher, 'began' | 'ended' | 'waits'> {
  const running = new Set<string>();
  const failed: string[] = [];
  let ended = 0;
  const tell = () => {
    const parts = [`${ended} of ${count} checks`];
    if (failed.length > 0) parts.push(`failed: ${few(failed)}`);
    if (running.size > 0) parts.push(`running: ${few([...running])}`);
    say(parts.join('; '));
  };
  return {
    waits: say,
    began: (name) => {
      running.add(name);
      tell();
    },
    ended: ({ name, outcome }) => {
      running.delete(name);
      ended += 1;
      if (outcome === 'fail') failed.push(name);
      tell();
    },
  };
}

function few(names: string[]): string {
  const rest = names.length - 3;
  return names.slice(0, 3).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
