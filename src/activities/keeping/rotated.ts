import { deploysSince, entryOf, releases } from '../releases.js';
import type { StepContext } from '../context.js';
import type { Sealed } from '../data/seal.js';
import { findManifest } from './manifest.js';

/** What a rollback brings back may have been written, or sealed, under a key that is another one now: said before people agree. */
export async function rotated(context: StepContext): Promise<string[]> {
  return [...(await otherEnvFile(context)), ...(await otherSeal(context))];
}

/** A key that was rotated since does not open what was written under the one before; the env file is never put back. */
async function otherEnvFile({ definition, run, env, home }: StepContext): Promise<string[]> {
  const then = entryOf((await releases(home)).entries, run.version)?.fingerprints.env_file;
  if (then === undefined || then === env.sha256) return [];
  return [
    `${definition.env_file} was changed since ${run.version.version} was released: where that rotated a key, data from before it is read with another one`,
  ];
}

/** The backup that serves where the copies are gone. */
async function otherSeal(context: StepContext): Promise<string[]> {
  const [left] = deploysSince((await releases(context.home)).entries, context.run.version);
  const manifest = left && (await findManifest(context, left.run).catch(() => undefined));
  const [shut] = (manifest?.stores ?? []).flatMap(({ sealed }) => (sealed && !hasKey(context, sealed) ? [sealed] : []));
  if (!manifest || !shut) return [];
  const key = shut.by === 'age' ? shut.recipients.join(', ') : `the passphrase ${shut.passphrase}`;
  return [
    `the backup of ${manifest.takenAt} was sealed for ${key}, which is not what this environment has now: it opens only with that, and is needed where a copy is gone`,
  ];
}

/** As far as it can be told without trying. */
function hasKey({ definition, env }: StepContext, sealed: Sealed): boolean {
  if (sealed.by === 'openssl') return env.has(sealed.passphrase);
  const { identity, recipients = [] } = definition.backup.encrypt ?? {};
  return identity !== undefined && sealed.recipients.some((key) => recipients.includes(key));
}
