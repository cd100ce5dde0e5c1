import { formatTime } from './duration.js';
import { plainText, type Style } from './style.js';

export interface ScheduleState {
  environment: string;
  /** Cron lines of the Schedule, in UTC. */
  times: string[];
  /** `backup.schedule` of the definition now. */
  declared: string | null;
  paused: boolean;
  note: string;
  next: string | null;
  last: string | null;
  /** Times at which the backup before still ran. */
  skipped: number;
  /** Times at which no server ran, for more than an hour. */
  missed: number;
}

export function renderSchedule(state: ScheduleState, style: Style): string[] {
  const { environment, times, declared, paused, note, next, last, skipped, missed } = state;
  const row = (name: string, value: string) => `  ${name.padEnd(9)} ${plainText(value)}`;
  const others = times.join(', ') !== declared;
  return [
    `${style.mark(paused ? 'waiting' : 'done')} ${style.paint('bold', environment)}  backups at ${times.join(', ')} UTC${paused ? `, paused${note ? `: ${plainText(note)}` : ''}` : ''}`,
    ...(others
      ? [
          row(
            'but',
            `the definition says ${declared ?? 'nothing'}: slipway schedule ${environment} remove${declared ? `, then create` : ''}`,
          ),
        ]
      : []),
    row('next', paused || !next ? 'none' : formatTime(next)),
    row('last', last ? formatTime(last) : 'none yet'),
    ...(skipped > 0 ? [row('skipped', `${skipped}, since the backup before still ran`)] : []),
    ...(missed > 0 ? [row('missed', `${missed}, since no server ran`)] : []),
  ];
}
