// A worker at its first attempt, in a process of its own, so that it can be paused and killed.
import { act, type Act } from './act.js';

process.stdout.write('at it\n');
await act(JSON.parse(process.argv[2] ?? '{}') as Act, async () => undefined).catch((error: unknown) => {
  if ((error as { type?: string }).type !== 'WorkerLeft') throw error;
});
process.exit(0);
