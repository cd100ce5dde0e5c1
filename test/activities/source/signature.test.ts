import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { source } from '../../../src/activities/source/lookup.js';
import type { Release } from '../../../src/model.js';
import { git, makeRepository, type Repository } from './repository.js';

let repository: Repository;
let home: string;
const realHome = process.env.HOME;

beforeEach(() => {
  repository = makeRepository({ signed: true });
  home = mkdtempSync(join(tmpdir(), 'signer-'));
  // What Git and GnuPG trust is the matter of the worker's user.
  process.env.HOME = home;
});
afterEach(() => {
  process.env.HOME = realHome;
  rmSync(home, { recursive: true, force: true });
  repository.remove();
});

async function signature(release: Release = repository.two) {
  const results = await source(repository.definition).preflight(repository.step(), release);
  return results.find(({ name }) => name === 'signature');
}

/** A key pair of ssh-keygen; gives the path of the private key. */
function makeKey(name: string): string {
  const key = join(home, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', key]);
  return key;
}

function trust(key: string): void {
  const signers = join(home, 'allowed-signers');
  writeFileSync(signers, `ann@example.com namespaces="git" ${readFileSync(`${key}.pub`, 'utf8')}`);
  git(repository.live, 'config', '--global', 'gpg.ssh.allowedSignersFile', signers);
}

function sign(tag: string, config: string[], options: string[] = []): void {
  const settings = config.flatMap((one) => ['-c', one]);
  git(repository.origin, ...settings, 'tag', '-s', '--force', ...options, '-m', 'signed', tag, repository.two.sha);
  git(repository.live, 'fetch', '--quiet', '--tags', '--force');
}
const withSsh = (key: string) => ['gpg.format=ssh', `user.signingkey=${key}.pub`];

describe('a tag signed with an SSH key', () => {
  it('passes where the key is trusted on the host', async () => {
    const key = makeKey('ann');
    sign('v2.0.0', withSsh(key));
    expect(await signature()).toMatchObject({
      outcome: 'fail',
      seen: expect.stringContaining('nobody is trusted here: git config --global gpg.ssh.allowedSignersFile') as string,
    });
    trust(key);
    expect(await signature()).toMatchObject({ outcome: 'pass', expected: 'tag v2.0.0 has a good signature' });
  });

  it('fails with the key of a stranger, without a signature, and asked for by SHA', async () => {
    trust(makeKey('ann'));
    sign('v2.0.0', withSsh(makeKey('eve')));
    expect(await signature()).toMatchObject({
      outcome: 'fail',
      seen: expect.stringMatching(/No principal matched/) as string,
    });
    expect(await signature(repository.one)).toMatchObject({
      outcome: 'fail',
      seen: expect.stringContaining('no signature') as string,
    });
    const bySha = { version: repository.two.sha.slice(0, 9), sha: repository.two.sha };
    expect(await signature(bySha)).toMatchObject({
      outcome: 'fail',
      seen: expect.stringContaining('is asked for by SHA') as string,
    });
  });

  it('fails where it was signed under another name', async () => {
    const key = makeKey('ann');
    trust(key);
    sign('v1.5.0', withSsh(key));
    git(repository.live, 'update-ref', 'refs/tags/v2.0.0', git(repository.live, 'rev-parse', 'refs/tags/v1.5.0'));
    expect(await signature()).toMatchObject({ outcome: 'fail', seen: 'its signature is that of tag v1.5.0' });
  });
});

describe('a tag signed with a GPG key', () => {
  const gpg = (...args: string[]) => execFileSync('gpg', ['--batch', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  afterEach(() => execFileSync('gpgconf', ['--kill', 'all']));

  it('passes while the key is in the keyring of the worker’s user', async () => {
    mkdirSync(join(home, '.gnupg'), { mode: 0o700 });
    gpg('--passphrase', '', '--quick-generate-key', 'Ann <ann@example.com>', 'ed25519', 'sign', 'never');
    sign('v2.0.0', ['user.signingkey=ann@example.com']);
    expect(await signature()).toMatchObject({ outcome: 'pass' });
    gpg(
      '--yes',
      '--delete-secret-and-public-key',
      gpg('--list-keys', '--with-colons')
        .toString()
        .match(/fpr:+([0-9A-F]{40})/)?.[1] ?? '',
    );
    expect(await signature()).toMatchObject({
      outcome: 'fail',
      seen: expect.stringMatching(/No public key/i) as string,
    });
  });
});
