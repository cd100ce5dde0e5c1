import { basename, join } from 'node:path';
import { readEvidence, type EvidenceEntry } from '../lib/evidence.js';
import { writeAtomic } from '../lib/files.js';
import type { CheckResult, Plan, Run } from '../model.js';

export const reportPath = (folder: string) => join(folder, 'report.md');

/** `report.md`: the record of a run, for people; made from the record alone. */
export async function writeReport(folder: string): Promise<string> {
  const text = renderReport(basename(folder), await readEvidence(folder));
  await writeAtomic(reportPath(folder), text);
  return text;
}

export function renderReport(id: string, entries: EvidenceEntry[]): string {
  const start = entries.find((entry) => entry.id === 'resolve')?.data as { run: Run; by: string; reason?: string; plan: Plan } | undefined;
  const end = entries.find((entry) => entry.id === 'end')?.data as { outcome: string; reason: string; current: { version: string } | null } | undefined;
  if (!start) return `# Run ${id}\n\nThe record has no beginning.\n`;
  const { run, plan } = start;
  return [
    `# ${run.kind} ${run.version.version} into ${run.environment}: ${end?.outcome ?? 'not ended'}`, '',
    ...(end?.reason ? [end.reason, ''] : []),
    '| | |', '|---|---|',
    `| run | ${id} |`, `| version | ${run.version.version} (${run.version.sha}) |`, `| over | ${run.previous ? `${run.previous.version} (${run.previous.sha})` : 'nothing'} |`,
    `| serves now | ${end?.current?.version ?? (end ? 'nothing' : '?')} |`, `| started by | ${start.by} (claimed)${start.reason ? `: ${cell(start.reason)}` : ''} |`,
    `| change | ${run.change} |`, `| plan | ${plan.hash} |`, `| downtime expected | ${plan.downtime} |`, '',
    '## What happened', '', '| at | | what |', '|---|---|---|', ...entries.flatMap(line), '',
    '## Checks', '', ...entries.filter((entry) => entry.kind === 'checks').flatMap(checkTable),
    '## The record', '', `${entries.length} entries, hash-chained in evidence.jsonl; head ${entries.at(-1)?.hash ?? ''}. Verify: slipway evidence ${run.environment} ${id} --verify`, '',
  ].join('\n');
}

function line({ at, kind, data }: EvidenceEntry): string[] {
  const value = data as Record<string, unknown>;
  const row = (mark: string, text: string) => [`| ${at} | ${mark} | ${cell(text)} |`];
  if (kind === 'step') {
    const name = `${value.undo ? 'undo ' : ''}${String(value.step)}${Number(value.try) > 1 ? ` (try ${String(value.try)})` : ''}`;
    const note = (value.result as { note?: string } | undefined)?.note ?? (value.message as string | undefined) ?? '';
    return row(value.outcome === 'done' ? '✔' : '✖', `**${name}** ${note}`);
  }
  if (kind === 'command') return row('', `\`${(value.argv as string[]).join(' ')}\` exit ${String(value.exitCode)}, ${String(value.tookMs)} ms${value.adopted ? ', adopted' : ''}`);
  if (kind === 'checks' || kind === 'run' || kind === 'end') return [];
  return row(kind, typeof value.text === 'string' ? value.text : JSON.stringify(value));
}

function checkTable(entry: EvidenceEntry): string[] {
  const { phase, target, results } = entry.data as { phase: string; target: string; results: CheckResult[] };
  const marks = { pass: '✔', fail: '✖', 'n/a': '○', skip: '…' };
  return [`${phase} of ${target}, ${entry.at}:`, '', '| | check | expected | seen | where |', '|---|---|---|---|---|',
    ...results.map((one) => `| ${marks[one.outcome]} | ${one.name} | ${cell(one.expected)} | ${cell(one.seen)} | ${one.where} |`), ''];
}

/** Outside text must not break the table, nor be HTML. */
function cell(text: string): string {
  return text.replace(/\|/g, '\\|').replace(/</g, '&lt;').replace(/\s*\n\s*/g, ' ');
}
