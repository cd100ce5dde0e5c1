import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withStand, type Stand, type StandSettings } from '../systems/stand.js';

/** What can be held in its middle: the shop's scripts, `git checkout`, `npm ci`, `sequelize-cli db:migrate`, a check of verify. */
export type Held = 'start' | 'stop' | 'open' | 'checkout' | 'fetch' | 'migrate' | 'verify';

/** Makes commands wait in their middle for as long as a test wants, so that a kill is sure to land inside. */
export interface Holds {
  /** The next such command will wait. */
  set: (name: Held) => Promise<void>;
  release: (name: Held) => Promise<void>;
  /** Whether one waits since `set`. */
  inside: (name: Held) => boolean;
}

/** The shop, ready for its first release, with everything in it that can be held; `fetch` only with `npm`. */
export async function withHeldShop(
  use: (stand: Stand, holds: Holds) => Promise<void>,
  settings: Pick<StandSettings, 'servers' | 'npm'> = {},
): Promise<void> {
  await withHolds(async (holds) => {
    const held = async (stand: Stand) => {
      await holds.install(stand);
      await use(stand, holds);
    };
    await withStand(held, { ...settings, definition: (yaml) => holds.definition(yaml) });
  });
}

interface Installed extends Holds {
  definition: (yaml: string) => string;
  /** Into the checkout: its hooks and its env file. */
  install: (stand: Stand) => Promise<void>;
}

async function withHolds(use: (holds: Installed) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-holds-'));
  const wait = (name: Held) => `while test -e ${folder}/${name}; do touch ${folder}/${name}.in; sleep 0.02; done`;
  const release = (name: Held) => rm(join(folder, name), { force: true });
  try {
    await use({
      definition: (yaml) => {
        const scripts: Held[] = ['start', 'stop', 'open'];
        const held = scripts.reduce(
          (text, name) => text.replace(`exec sh scripts/${name}.sh`, `${wait(name)}; exec sh scripts/${name}.sh`),
          yaml,
        );
        return held.replace(/^verify:.*$/m, `verify:\n  held: { command: [sh, -c, '${wait('verify')}'] }`);
      },
      install: async ({ shop }) => {
        const hook = join(shop.directory, '.git', 'hooks', 'post-checkout');
        await writeFile(hook, `#!/bin/sh\n${wait('checkout')}\n`);
        await chmod(hook, 0o755);
        await writeFile(join(folder, 'hold.cjs'), holdNode(folder));
        await writeFile(join(shop.directory, '.env'), `NODE_OPTIONS=--require=${folder}/hold.cjs\n`, { flag: 'a' });
      },
      set: async (name) => {
        await rm(join(folder, `${name}.in`), { force: true });
        await writeFile(join(folder, name), '');
      },
      release,
      inside: (name) => existsSync(join(folder, `${name}.in`)),
    });
  } finally {
    // What still waits goes on to its end.
    await rm(folder, { recursive: true, force: true });
  }
}

function holdNode(folder: string): string {
  return `
const fs = require('node:fs');
const name = process.argv[2] === 'ci' ? 'fetch' : process.argv[2] === 'db:migrate' ? 'migrate' : undefined;
const holds = () => name && fs.existsSync('${folder}/' + name);
// As a careless tool does.
if (name === 'migrate' && holds()) fs.writeSync(1, 'begins with ' + process.env.SHOP_TOKEN + '\\n');
while (holds()) {
  fs.writeFileSync('${folder}/' + name + '.in', '');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
}
`;
}
