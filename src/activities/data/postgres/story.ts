/**
 * What `COMMENT ON DATABASE` of a database beside the live one tells. On a standby copy it is written last, in one transaction with everything
 * that is carried over: a copy without it was never finished.
 */
export interface Story {
  run: string;
  /** Name of the live database. */
  of: string;
  /** Its oid. */
  oid: string;
  at: string;
  /** The live database's own comment, which the copy gets when it is swapped in. */
  comment: string | null;
  /** Row counters at the copy's moment. */
  counters?: Record<string, number> | null;
  /** Set on a replaced database: the run that replaced it, and when. */
  replacedBy?: string;
}

export function tell(story: Story): string {
  return JSON.stringify({ slipway: story });
}

export function readStory(comment: string | null | undefined): Story | undefined {
  if (!comment?.startsWith('{"slipway":')) return undefined;
  try {
    return (JSON.parse(comment) as { slipway: Story }).slipway;
  } catch {
    return undefined;
  }
}
