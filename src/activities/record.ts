import { isBeside } from '../beside.js';
import { appendEvidence, evidenceHead } from '../lib/evidence.js';
import { hashOf } from '../lib/files.js';
import { appendHistory } from '../lib/history.js';
import { close, readJournal } from '../lib/journal.js';
import type { Call, Ending, HistoryEntry, Outcome, Recorded, Release, Revisions } from '../model.js';
import { findManifest } from './keeping/manifest.js';
import { readKeptAhead } from './records.js';
import { entryOf, releases } from './releases.js';
import { writeReport } from './report.js';
import { imagesOf } from './source/images/record.js';
import { appliedRevisions } from './revisions.js';
import { claimant, type Step } from './step.js';
import type { Host } from './host.js';

/** Closes a run's record: its last entry, the report, its line in the history, and, unless it stopped half-way, the fence. */
export async function record(host: Host, call: Call, context: Step, ending: Ending): Promise<Recorded> {
  const { run } = context;
  const { entries } = await releases(context.home);
  const serves = await withImages(context, whatServes(call, ending.outcome));
  await appendEvidence(context.folder, { id: 'end', kind: 'end', data: { ...ending, current: serves } });
  // The history tells what runs here: a backup is listed by its manifest.
  if (isBeside(run.kind)) {
    await writeReport(context.folder);
    return { current: serves?.version ?? null, evidence: context.folder };
  }
  const before = entryOf(entries, serves);
  const manifest = await findManifest(context, run.id);
  const kept = await readKeptAhead(context.folder);
  const entry: HistoryEntry = {
    run: run.id,
    kind: run.kind,
    outcome: ending.outcome,
    version: run.version.version,
    current: serves,
    previous: ending.outcome === 'deployed' ? run.previous : (before?.previous ?? null),
    startedAt: ending.startedAt,
    endedAt: new Date().toISOString(),
    by: ending.by,
    ...(ending.reason ? { reason: ending.reason } : {}),
    revisions: await revisionsAfter(context, ending.outcome),
    ...(kept && ending.outcome === 'done' ? { ahead: { of: kept.of, revisions: kept.revisions } } : {}),
    fingerprints: { env_file: context.env.sha256, definition: hashOf(context.definition) },
    ...(manifest?.proven ? { backup: manifest.id } : {}),
    evidence: await evidenceHead(context.folder),
  };
  await Promise.all([writeReport(context.folder), appendHistory(context.home, entry)]);
  if (ending.outcome !== 'stopped' && (await readJournal(context.home))?.run === run.id)
    await close(context.home, claimant(host, call));
  return { current: serves?.version ?? null, evidence: context.folder };
}

/** Where people have to look anyway, an unreachable database must not keep the run from ending. */
async function revisionsAfter(context: Step, outcome: Outcome): Promise<Revisions> {
  return outcome === 'stopped' ? appliedRevisions(context).catch(() => ({})) : appliedRevisions(context);
}

/** What was built is recorded with the release, by id. */
async function withImages(context: Step, release: Release | null): Promise<Release | null> {
  if (!release || !context.definition.source.images) return release;
  return { ...release, images: await imagesOf(context, release) };
}

function whatServes({ run }: Call, outcome: Outcome): Release | null {
  if (isBeside(run.kind)) return run.previous;
  if (outcome === 'deployed' || outcome === 'done')
    return run.kind === 'rollback' ? run.version : { ...run.version, run: run.id };
  if (outcome === 'stopped') return null;
  return run.previous;
}
