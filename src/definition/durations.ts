const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** How a duration is written: `500ms`, `90s`, `15m`, `2h`, `7d`, and compounds as in compose: `1h30m`. */
export const durationPattern = /^(?:\d+(?:ms|s|m|h|d))+$/;

/** Milliseconds of `15m`; undefined for a text that is no duration. */
export function parseDuration(text: string): number | undefined {
  if (!durationPattern.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g))
    total += Number(count) * units[unit as keyof typeof units];
  return total;
}
