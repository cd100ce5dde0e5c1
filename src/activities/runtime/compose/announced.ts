import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootMessage } from '../../../errors.js';
import type { CheckResult } from '../../../model.js';
import { failuresIn, unasked, type StepContext } from '../../context.js';
import { exportFiles } from '../../source/export.js';
import { isCheckout } from '../../source/git-command.js';
import { composeOf, hasFiles } from './arguments.js';
import { judgeProject } from './checks.js';
import { tellChange, withComing } from './coming.js';
import { foreignLines } from './foreign.js';
import { comingLine, place, readProject } from './project.js';

interface Announced {
  lines: string[];
  change: string;
  /** Why it cannot be started. */
  failures: string;
}

/** By activity: the plan and the check ask for the same. */
const made = new WeakMap<AbortSignal, Promise<Announced | Error | undefined>>();

/** Of the release that comes: a hash of what its own compose files resolve to, what changes, and its images, so that people agree to these. */
export async function announcedLines(context: StepContext): Promise<string[]> {
  const announced = await announce(context);
  if (announced instanceof Error)
    return [`# docker compose config of ${context.run.version.version} is known once it is fetched`];
  return announced?.lines ?? [];
}

/** What of the release that comes would stop its start. What its `install` makes may be lacking before it is fetched: then `fetch` asks again. */
export async function checkAnnounced(context: StepContext): Promise<CheckResult[]> {
  const announced = await announce(context);
  if (!announced) return [];
  const { run, definition } = context;
  const failed = announced instanceof Error;
  const seen = failed ? rootMessage(announced) : announced.failures || announced.change;
  const ok = !failed && announced.failures === '';
  const expected = `${run.version.version} can be started by its own compose files`;
  const must = failed && definition.source.git?.install ? 'warn' : 'must';
  return [{ ...unasked('compose-coming', ok, expected, seen, place(context)), must }];
}

function announce(context: StepContext): Promise<Announced | Error | undefined> {
  const known = made.get(context.interrupted) ?? make(context).catch((error: Error) => error);
  made.set(context.interrupted, known);
  return known;
}

/** From its commit, before anything is fetched; undefined where images alone bring no files. */
async function make(context: StepContext): Promise<Announced | undefined> {
  const { run, definition } = context;
  if (!definition.source.git || !['deploy', 'rollback'].includes(run.kind)) return undefined;
  if (!isCheckout(definition.directory)) return undefined;
  const root = await realpath(await mkdtemp(join(tmpdir(), 'slipway-coming-')));
  // What is usual first: a large repository takes long to be written.
  const usual = [':(glob)*', ':(glob,icase)**/*env*', ':(glob,icase)**/*.y*ml', ...(composeOf(definition).files ?? [])];
  try {
    return await resolveFrom(context, root, 'some', usual).catch(() => resolveFrom(context, root, 'all'));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function resolveFrom(context: StepContext, root: string, name: string, only?: string[]): Promise<Announced> {
  const { run, definition } = context;
  const code = join(root, `${name}-code`);
  await exportFiles(context, run.version.sha, code, only);
  const live = run.previous && hasFiles(definition) ? await readProject(context) : undefined;
  return withComing(context, run.version, code, join(root, name), async (coming, project, config) => {
    const change = live ? tellChange(live.config, config) : 'there was none before';
    const lines = [comingLine(run.version, config), ...(live ? [`# ${change}`] : [])];
    return {
      lines: [...lines, ...(await foreignLines(context, project))],
      change,
      failures: failuresIn(await judgeProject(coming, place(context))),
    };
  });
}
