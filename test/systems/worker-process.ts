// A worker in a process of its own, so that a test can kill it: `worker-process.js {"connection":…,"systems":…}`.
import { startWorker, type WorkerSettings } from '../../src/worker.js';

// A test that was ended by force cleans up nothing.
const { ppid } = process;
setInterval(() => process.ppid !== ppid && process.exit(1), 1_000).unref();
const worker = await startWorker(JSON.parse(process.argv[2] ?? '{}') as WorkerSettings);
process.once('SIGTERM', () => worker.shutdown());
process.stdout.write('ready\n');
await worker.run();
process.exit(0);
