// `npm run record`: writes test/histories/*.json anew, one history for each way a run can go, from the workflows as they are now.
// Do so when a change to the workflows is meant to break open runs; otherwise the recorded histories must go on replaying.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startTemporal } from '../src/lib/dev-servers.js';
import { writeHistory } from '../test/workflows/history-file.js';
import { stories } from '../test/workflows/stories.js';

const only = process.argv.slice(2);
const unknown = only.filter((name) => !(name in stories));
if (unknown.length > 0) {
  console.error(`there is no history ${unknown.join(', ')}: ${Object.keys(stories).join(', ')}`);
  process.exit(2);
}
const folder = await mkdtemp(join(tmpdir(), 'slipway-record-'));
const server = await startTemporal({ folder, headless: true });
try {
  for (const [name, tell] of Object.entries(stories)) {
    if (only.length > 0 && !only.includes(name)) continue;
    const told = await tell(server.address);
    await writeHistory(fileURLToPath(new URL(`../test/histories/${name}.json`, import.meta.url)), told);
    console.log(`${name}: ${told.history.events?.length ?? 0} events`);
  }
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
