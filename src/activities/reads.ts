import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isBeside } from '../beside.js';
import { listEnvironments, loadDefinition } from '../definition/load.js';
import { fail } from '../errors.js';
import { readEvidence, verifyEvidence } from '../lib/evidence.js';
import { readJson, readText } from '../lib/files.js';
import { readHistory } from '../lib/history.js';
import { readJournal } from '../lib/journal.js';
import type { BackupRules, DeployInput, HistoryEntry, Kind, Plan, RollbackStart } from '../model.js';
import { home, runFolder, type Host } from './host.js';
import { pinnedPath, type Pinned } from './pinned.js';
import { releases } from './releases.js';
import { reportPath, writeReport } from './report.js';
import { lookAhead } from './resolve.js';
import { undoPath } from './undo-file.js';
import type { EvidenceAnswer, HostState } from './index.js';

export async function environments(host: Host): Promise<{ environments: string[]; errors: string[] }> {
  const listed = await listEnvironments(host.systems);
  return { environments: Object.keys(listed.environments), errors: listed.errors };
}

export async function plan(
  host: Host,
  request: { environment: string; kind: Kind; input: DeployInput | RollbackStart },
): Promise<Plan> {
  const made = await lookAhead(host, request.environment, request.kind, request.input, 'plan');
  const drift = request.kind === 'adopt' ? [] : made.drift.map((line) => `drift: ${line}`);
  return { ...made.plan, warnings: [...made.plan.warnings, ...drift] };
}

export async function history(host: Host, { environment }: { environment: string }): Promise<HistoryEntry[]> {
  return readHistory(home(host, environment));
}

/** The report of a run (without `run` the latest, but no backup beside it), and whether its record is whole up to the head that history and Temporal keep. */
export async function evidence(
  host: Host,
  { environment, run }: { environment: string; run?: string },
): Promise<EvidenceAnswer> {
  const entries = await readHistory(home(host, environment));
  const id = run ?? (await latestRun(host, environment));
  if (!id || !existsSync(runFolder(host, environment, id))) {
    throw fail(
      'Usage',
      id
        ? `there is no run ${id} in ${environment}: see slipway history ${environment}`
        : `nothing ran in ${environment} yet`,
    );
  }
  const folder = runFolder(host, environment, id);
  const report = (await readText(reportPath(folder))) ?? (await writeReport(folder));
  const head = entries.find((entry) => entry.run === id)?.evidence;
  const ended = head !== undefined || (await readEvidence(folder)).some((entry) => entry.id === 'end');
  return { run: id, folder, ended, report, verified: await verifyEvidence(folder, head) };
}

export async function state(host: Host, { environment }: { environment: string }): Promise<HostState> {
  const { current, previous, entries } = await releases(home(host, environment));
  const journal = (await readJournal(home(host, environment))) ?? null;
  const path = journal ? undoPath(runFolder(host, environment, journal.run)) : null;
  return {
    environment,
    host: host.name,
    current,
    previous,
    lastOutcome: entries.at(-1)?.outcome ?? null,
    journal,
    lastStep: journal?.last.step ?? null,
    undo: path ? ((await readText(path)) ?? null) : null,
    undoPath: path,
  };
}

export async function backupRules(host: Host, { environment }: { environment: string }): Promise<BackupRules> {
  return (await loadDefinition(host.systems, environment)).backup;
}

async function latestRun(host: Host, environment: string): Promise<string | undefined> {
  const all = (await runs(host, environment)).reverse();
  for (const id of all) {
    const pinned = await readJson<Pinned>(pinnedPath(runFolder(host, environment, id)));
    if (pinned && !isBeside(pinned.plan.kind)) return id;
  }
  return all[0];
}

async function runs(host: Host, environment: string): Promise<string[]> {
  const folder = join(home(host, environment), 'runs');
  return existsSync(folder) ? (await readdir(folder)).sort() : [];
}
