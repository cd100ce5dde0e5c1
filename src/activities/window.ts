import type { Definition } from '../model.js';

const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** How long until the window (`sat 20:00`, in its zone) is open: 0 while it is. Without a window, 0. */
export function nextWindow(window: Definition['window'], now: Date): { waitMs: number; opensAt: string } {
  if (!window) return { waitMs: 0, opensAt: now.toISOString() };
  const length = lengthMs(window.for);
  // Walks the clock by minutes, so that a change of summer time needs no arithmetic of ours.
  for (let minute = -length / 60_000; minute <= 8 * 24 * 60; minute++) {
    const at = new Date(Math.floor(now.getTime() / 60_000) * 60_000 + minute * 60_000);
    if (!opensAt(window.opens, at, window.zone ?? 'UTC')) continue;
    if (at.getTime() <= now.getTime() && now.getTime() < at.getTime() + length)
      return { waitMs: 0, opensAt: at.toISOString() };
    if (at.getTime() > now.getTime()) return { waitMs: at.getTime() - now.getTime(), opensAt: at.toISOString() };
  }
  throw new Error(`window ${window.opens} does not come within eight days`);
}

function opensAt(opens: string, at: Date, zone: string): boolean {
  const [day, time] = opens.includes(' ') ? opens.split(' ') : [undefined, opens];
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
      .formatToParts(at)
      .map((part) => [part.type, part.value]),
  );
  return (
    (day === undefined || days.indexOf(day) === days.indexOf((parts.weekday ?? '').toLowerCase())) &&
    `${parts.hour}:${parts.minute}` === time
  );
}

function lengthMs(text: string): number {
  const match = /^(\d+)(m|h|d)$/.exec(text);
  if (!match) throw new Error(`window length ${text} is not like 3h or 90m`);
  return Number(match[1]) * { m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as 'm' | 'h' | 'd'];
}
