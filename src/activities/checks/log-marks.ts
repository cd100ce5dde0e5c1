import { join, resolve } from 'node:path';
import { readJson, writeAtomic } from '../../lib/files.js';
import type { CheckContext } from './contract.js';
import { markLog, type LogMark } from './log-file.js';
import { fillText } from './values.js';

/** Where logs stood when a version was started. */
export interface LogMarks {
  /** Step and try: a second attempt of the same one keeps the marks of the first. */
  key: string;
  at: string;
  /** By path. */
  files: Record<string, LogMark>;
}

/** Notes in the run's folder how far the files of all `logs` checks were written; services tell by time. */
export async function markLogs(folder: string, key: string, context: CheckContext): Promise<void> {
  if ((await readMarks([folder]))?.key === key) return;
  const { preflight, verify } = context.definition;
  const marks: LogMarks = { key, at: new Date().toISOString(), files: {} };
  for (const { logs } of [...Object.values(preflight), ...Object.values(verify)]) {
    const path = logs === undefined ? undefined : logPath(logs, context);
    const mark = path === undefined ? undefined : await markLog(path);
    if (path !== undefined && mark) marks.files[path] = mark;
  }
  await writeAtomic(join(folder, 'logs.json'), JSON.stringify(marks));
}

/** Of the first run that started something. */
export async function readMarks(folders: string[]): Promise<LogMarks | undefined> {
  for (const folder of folders) {
    const marks = await readJson<LogMarks>(join(folder, 'logs.json'));
    if (marks) return marks;
  }
  return undefined;
}

/** Where host processes run every name is a file, elsewhere one with a slash; undefined for a service or container. */
export function logPath(name: string, context: CheckContext): string | undefined {
  const { runtime, directory } = context.definition;
  if (!runtime.processes && !name.includes('/') && !name.startsWith('$')) return undefined;
  return resolve(directory, fillText(name, context));
}
