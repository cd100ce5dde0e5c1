/** One goal and what was measured against it. */
export interface Goal {
  id: string;
  /** In words, with its bound: `p50 ≤ 1.25 × the plain workflow's`. */
  goal: string;
  /** What was measured, in `unit`. */
  value: number;
  unit: string;
  met: boolean;
}

export interface Measured {
  goals: Goal[];
  /** A table for people. */
  text: string;
}

/** What each file of `bench/` exports as `bench`; the file's name is the bench's. */
export interface Bench {
  /** One line: what against what. */
  title: string;
  /** `rounds`: how many are counted, `sizes`: of the data, in MB, where the bench's own are not wanted. `say` shows progress. */
  measure(options: { rounds?: number; sizes?: number[]; say: (line: string) => void }): Promise<Measured>;
}
