import type { HistoryEntry } from '../model.js';
import { formatDuration, formatTime } from './duration.js';
import { plainText } from './style.js';
import { renderTable } from './table.js';

/** The runs that ended, newest first. */
export function renderHistory(entries: HistoryEntry[]): string[] {
  const rows = [...entries]
    .reverse()
    .map((entry) => [
      formatTime(entry.endedAt),
      entry.kind,
      entry.version,
      entry.outcome,
      entry.current ? `${entry.current.version} (${entry.current.sha.slice(0, 7)})` : 'nothing',
      formatDuration(Date.parse(entry.endedAt) - Date.parse(entry.startedAt)),
      plainText(entry.by),
      entry.run,
      plainText(entry.reason ?? ''),
    ]);
  return renderTable([
    ['ended', 'run of', 'version', 'outcome', 'serves since', 'took', 'by', 'run', 'reason'],
    ...rows,
  ]);
}
