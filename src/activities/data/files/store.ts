import { resolve } from 'node:path';
import { fail } from '../../../errors.js';
import type { StepContext } from '../../context.js';
import { restoreByHand } from '../beside/by-hand.js';
import { downtimeOf, needsOf } from '../beside/checks.js';
import { hasKept, keepState } from '../beside/way.js';
import { discardKept, keptBeside } from '../beside/kept.js';
import { identityOf, placeOf, type Place } from '../beside/place.js';
import { asNumber, content, writtenBetween } from '../beside/written.js';
import type { Store } from '../contract.js';
import { contentsOf, makeScratch, packOptions, proveBackup, takeBackup, unpackOptions } from './archive.js';
import { swapByHand } from './by-hand.js';
import { checkTree } from './preflight.js';
import { entriesOf, exchange } from './program.js';
import { makeStandby, restoreBeside } from './standby.js';
import { makeWhole, realCalls, swapIn } from './swap.js';

/** Bytes a second that a plain copy moves: what a busy disk gave, not the best seen. */
const copyRate = 400e6;

/** One tree of files that `files.keep` names. Its copies stand in `.slipway` beside it, so that a rename puts one in its place. */
export function filesStore(path: string): Store {
  const name = `files:${path.replace(/^\.\/|\/+$/g, '')}`;
  const file = name.replaceAll(/[^A-Za-z0-9._-]+/g, '-');
  const at = (context: StepContext): Promise<Place> =>
    placeOf(name, context.run.id, resolve(context.definition.directory, path));
  /** By names, sizes and times: hashing all that was ever uploaded would be downtime. */
  const counters = async (context: StepContext): Promise<Record<string, number>> => {
    const { files } = contentsOf(await entriesOf(context, 'quick', (await at(context)).live)).tables;
    return { files: files?.rows ?? 0, [content('files')]: asNumber(files?.hash ?? '') };
  };
  return {
    name,
    kind: 'files',
    preflight: async (context) => checkTree(context, await at(context), await sizeOf(context, await at(context))),
    size: async (context) => sizeOf(context, await at(context)),
    needs: async (context) => {
      const place = await at(context);
      return needsOf(context, place, await sizeOf(context, place));
    },
    backup: async (context, folder) => takeBackup(context, await at(context), folder, file),
    prove: proveBackup,
    scratch: makeScratch,
    standby: async (context) => {
      const place = await at(context);
      return keepState(context, place, {
        size: await sizeOf(context, place),
        copy: () => makeStandby(context, place),
        take: (folder) => takeBackup(context, place, folder, file),
        prove: (folder, stored) => proveBackup(context, folder, stored),
      });
    },
    downtime: async (context) => {
      const place = await at(context);
      const size = await sizeOf(context, place);
      return downtimeOf(context, place, size, size / copyRate);
    },
    swapIn: async (context, standby) =>
      swapIn(await at(context), standby, { ...realCalls, exchange: (one, other) => exchange(context, one, other) }),
    reopen: async (context) => makeWhole(await at(context), realCalls),
    live: async (context) => {
      const { live } = await at(context);
      return { name: live, oid: await identityOf(live), system: 'file' };
    },
    restore: async (context, folder, backup) => restoreBeside(context, await at(context), folder, backup),
    has: async (_context, standby) => hasKept(standby),
    counters,
    written: async (context, since) => since && writtenBetween(since, await counters(context)),
    rows: async () => {
      throw fail('Usage', `${name} is no database`);
    },
    kept: async (context) => keptBeside(await at(context)),
    discard: async (context, kept) => discardKept(await at(context), kept),
    byHand: (_context, standby) =>
      standby.backup
        ? restoreByHand(standby, (plain, to) => [
            `mkdir ${to}`,
            `tar ${unpackOptions().join(' ')} --file=${plain} --directory=${to}`,
          ])
        : swapByHand(standby),
    commands: () => ({
      backup: [
        `tar ${packOptions.join(' ')} --file=${file}.tar --directory=${path} .`,
        'hash every file of the archive',
      ],
      prove: [
        `tar --extract --file=${file}.tar into scratch, and compare path, size, mode, owner, time and sha256 of each file`,
      ],
      standby: [`cp --archive --reflink=auto ${path} .slipway/….s-…`],
      swapIn: [`exchange ${path} with .slipway/….s-…, then mv that to .slipway/….r-…`],
    }),
  };
}

async function sizeOf(context: StepContext, { live }: Place): Promise<number> {
  const { stdout = '' } = await context.look({ argv: ['du', '--bytes', '--summarize', live], ok: [0, 1] });
  return Number.parseInt(stdout) || 0;
}
