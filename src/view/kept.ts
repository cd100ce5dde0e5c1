import type { KeptThing } from '../model.js';
import { formatDuration } from './duration.js';
import { plainText } from './style.js';
import { renderTable } from './table.js';

/** Newest first. */
export function renderKept(things: KeptThing[], nowMs: number): string[] {
  if (things.length === 0) return [];
  const rows = [...things]
    .sort((a, b) => ((a.at ?? '') < (b.at ?? '') ? 1 : -1))
    .map(({ is, at, bytes, version, run, proof, stays, name }) => [
      is,
      at === null ? '?' : formatDuration(nowMs - Date.parse(at)),
      bytes === null ? '?' : `${(bytes / 1e6).toFixed(1)} MB`,
      version ?? '-',
      run ?? '-',
      is === 'backup' || is === 'copy' ? (proof === null ? 'never' : 'proven') : '-',
      stays ?? 'nothing needs it',
      plainText(name),
    ]);
  return renderTable([['what', 'age', 'size', 'version', 'run', 'proof', 'stays because', 'where'], ...rows]);
}
