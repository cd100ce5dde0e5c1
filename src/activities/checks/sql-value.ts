import pg from 'pg';

const INT8 = 20;
const NUMERIC = 1700;
const TIMESTAMPTZ = 1184;
const INTERVAL = 1186;

/** Each column comes as the server's own text; only the one that is looked at is read. */
export function readValue(text: string): string {
  return text;
}

/** A value as JSON has it: numbers where they are exact, times as ISO 8601, an interval as its milliseconds. NULL is null. */
export function firstValue(text: string | null | undefined, type: number): { value: unknown; interval: boolean } {
  if (text === null || text === undefined) return { value: null, interval: false };
  if (type === INTERVAL) return { value: intervalMs(text), interval: true };
  if (type === INT8 || type === NUMERIC) return { value: exactNumber(text), interval: false };
  const value = (pg.types.getTypeParser(type) as (text: string) => unknown)(text);
  // A time without a zone is nobody's certain moment: it stays text.
  if (value instanceof Date) return { value: type === TIMESTAMPTZ ? value.toISOString() : text, interval: false };
  return { value, interval: false };
}

function exactNumber(text: string): number | string {
  const number = Number(text);
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? text : number;
}

function intervalMs(text: string): number {
  const read = pg.types.getTypeParser(INTERVAL) as (text: string) => Record<string, number | undefined>;
  const { years = 0, months = 0, days = 0, hours = 0, minutes = 0, seconds = 0, milliseconds = 0 } = { ...read(text) };
  return ((((years * 365.25 + months * 30 + days) * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + milliseconds;
}
