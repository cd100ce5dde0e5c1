import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, readTextSync } from './files.js';
import { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.js';

interface Mark extends ProcessIdentity {
  what: string;
}
let marks = 0;

/** Marks that something live is being changed, for as long as `work` takes; the mark of a process that died counts no more. */
export async function whileChanging<T>(home: string, what: string, work: () => Promise<T>): Promise<T> {
  const path = join(folderOf(home), `${process.pid}-${(marks += 1)}.json`);
  await makeFolder(folderOf(home));
  const mark: Mark = { ...ownIdentity(), what };
  // Not flushed: after a power cut its process is dead, and the mark counts no more.
  writeFileSync(`${path}.new`, JSON.stringify(mark), { mode: 0o600 });
  renameSync(`${path}.new`, path);
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** What is being changed now, for people; undefined where nothing is. */
export function markedChange(home: string): string | undefined {
  return names(home)
    .map((name) => read(join(folderOf(home), name)))
    .find((mark) => mark && isAlive(mark))?.what;
}

const folderOf = (home: string) => join(home, 'changing');

function names(home: string): string[] {
  try {
    return readdirSync(folderOf(home)).filter((name) => /^\d+-\d+\.json$/.test(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** undefined where its work ended meanwhile. */
function read(path: string): Mark | undefined {
  const text = readTextSync(path);
  return text === undefined ? undefined : (JSON.parse(text) as Mark);
}
