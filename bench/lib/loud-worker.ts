// A worker in a process of its own, as in real use, so that its memory can be read: `loud-worker.ts ADDRESS ROOT BUNDLE`.
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { louds } from './noops.js';
import { withWorkers } from './stack.js';

const [address = '', root = '', codePath = ''] = process.argv.slice(2);
Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
await withWorkers(address, root, { codePath }, louds, async () => {
  process.stdout.write('ready\n');
  await new Promise((ended) => process.once('SIGTERM', ended));
});
process.exit(0);
