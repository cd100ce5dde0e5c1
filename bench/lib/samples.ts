import { performance } from 'node:perf_hooks';

/** One way to do the work. */
export interface Contestant {
  name: string;
  run: () => Promise<unknown>;
}

export type Samples = Record<string, number[]>;

/**
 * Times all contestants in turn (ABCABC…), so that whatever else loads the machine loads all of them. The first round is dropped:
 * caches fill, code is compiled. Milliseconds.
 */
export async function interleave(
  contestants: Contestant[],
  rounds: number,
  say: (line: string) => void,
): Promise<Samples> {
  const samples: Samples = Object.fromEntries(contestants.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const { name, run } of contestants) {
      const began = performance.now();
      await run();
      const took = performance.now() - began;
      if (round > 0) samples[name]?.push(took);
    }
    if (round > 0 && round % 10 === 0) say(`  round ${round} of ${rounds}`);
  }
  return samples;
}

/** By nearest rank: a value that was measured. */
export function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** Median of each round's quotient of the two: what else loaded the machine in a round loaded both. */
export function pairedRatio(samples: Samples, one: string, other: string): number {
  const base = samples[other] ?? [];
  return quantile(
    (samples[one] ?? []).map((value, round) => value / (base[round] ?? Number.NaN)),
    0.5,
  );
}

/** p50, p95 and worst of each, and its p50 and paired ratio against one of them. */
export function tableOf(samples: Samples, against: string): string {
  const base = samples[against] ?? [];
  const rows = Object.entries(samples).map(([name, values]) => {
    const times = [0.5, 0.95, 1].map((share) => quantile(values, share).toFixed(1));
    return [
      name,
      ...times,
      (quantile(values, 0.5) / quantile(base, 0.5)).toFixed(3),
      pairedRatio(samples, name, against).toFixed(3),
      `${values.length}`,
    ];
  });
  return align([['', 'p50 ms', 'p95 ms', 'worst ms', 'p50 ratio', 'paired ratio', 'rounds'], ...rows]);
}

function align(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
