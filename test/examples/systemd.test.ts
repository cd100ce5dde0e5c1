import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const unit = fileURLToPath(new URL('../../examples/systemd/slipway-worker.service', import.meta.url));
// Where all tools are promised, none may be missing without a word.
const verifier =
  Boolean(process.env.SLIPWAY_NEEDS_DOCKER) || spawnSync('systemd-analyze', ['--version']).error === undefined;

describe('the unit file of the worker', () => {
  it.runIf(verifier)('is accepted by systemd without a word (needs systemd-analyze)', () => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: '' });
  });

  it('has the worker alone signalled, so that live commands outlive its restart, and brings it back for ever', () => {
    const lines = readFileSync(unit, 'utf8').split('\n');
    for (const line of ['KillMode=process', 'OOMPolicy=continue', 'Restart=always', 'StartLimitIntervalSec=0'])
      expect(lines).toContain(line);
  });
});
