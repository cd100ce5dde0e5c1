import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { loadHere } from './load-here.js';
import { didYouMean } from '../definition/nearest.js';
import { fail } from '../errors.js';
import type { Check, ChecksDue, ChecksNow, Definition, Release, Run } from '../model.js';
import { checkContext, onceHere, refuseLeft } from './check.js';
import { runsLast } from './checks/lookup.js';
import { runChecks } from './checks/run-checks.js';
import { tellProgress } from './checks/tell-progress.js';
import { mayChange } from './checks/when.js';
import { home, type Host } from './host.js';
import { releases } from './releases.js';
import { source } from './source/lookup.js';
import { looking } from './step.js';

const unknown: Release = { version: 'unknown', sha: '' };

interface Request {
  environment: string;
  names: string[];
  /** One of many rounds: what may change something, or uses up a limit, runs only where it is named. */
  again?: boolean;
}

/** Which checks would run now: all of `verify` but those that people answer, or the named ones of both phases. Throws Usage for a name that is none. */
export async function checksDue(host: Host, request: Request): Promise<ChecksDue> {
  const { due, leftOut } = chosen(await loadHere(host, request.environment), request);
  return { names: Object.keys(due), leftOut };
}

/** Runs checks against what runs now, outside any release: by the definition as it is, at the address that users have. Nothing is held. */
export async function checkNow(host: Host, request: Request): Promise<ChecksNow> {
  const { environment } = request;
  const definition = await loadHere(host, environment);
  const { due, leftOut } = chosen(definition, request);
  const { current } = await releases(home(host, environment));
  const id = (Context.current().info.workflowExecution?.runId ?? 'none').replace(/-/g, '').slice(-6);
  const folder = join(home(host, environment), 'checks', id);
  const place = { step: 'verify', folder } as const;
  return looking(
    host,
    runOf(environment, id, current),
    definition,
    async (context) => {
      const release = current ?? (await source(definition).running(context)) ?? unknown;
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const asking = { ...checkContext(context, definition, release, true), once: onceHere(context) };
      const results = await runChecks(
        due,
        asking,
        tellProgress((line) => context.progress(line), Object.keys(due).length),
      );
      refuseLeft(context);
      return context.env.redactor.redactDeep({ environment, version: release.version, results, leftOut });
    },
    place,
  );
}

function chosen(
  definition: Definition,
  { names, again }: Request,
): { due: Record<string, Check>; leftOut: ChecksDue['leftOut'] } {
  const { preflight, verify, environment } = definition;
  if (names.length > 0) {
    const all = { ...preflight, ...verify };
    const unknown = names.find((name) => !Object.hasOwn(all, name));
    if (unknown !== undefined) {
      const known = Object.keys(all).join(', ') || 'none';
      throw fail(
        'Usage',
        `${environment} has no check ${unknown}${didYouMean(unknown, Object.keys(all))}; there are: ${known}`,
      );
    }
    return { due: Object.fromEntries(names.map((name) => [name, all[name] as Check])), leftOut: [] };
  }
  const entries = Object.entries(verify);
  if (entries.length === 0)
    throw fail('Usage', `${environment} has no checks in \`verify\`: write one, or name one of \`preflight\``);
  const leftOut = entries.flatMap(([name, check]) => {
    const since = reasonFor(check, again);
    return since ? [{ name, since }] : [];
  });
  return {
    due: Object.fromEntries(entries.filter(([name]) => !leftOut.some((one) => one.name === name))),
    leftOut,
  };
}

function reasonFor(check: Check, again = false): string | undefined {
  if (check.ask) return 'a person answers it';
  if (again && mayChange(check)) return 'it may change something';
  return again && runsLast(check) ? 'it uses up a limit' : undefined;
}

function runOf(environment: string, id: string, current: Release | null): Run {
  const version = current ?? unknown;
  return { id, kind: 'adopt', environment, version, previous: current, change: 'none', plan: '', skipped: {} };
}
