/** gRPC's own numbers. */
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;

/** The gRPC status behind an error of the client, found through its wrappers. */
export function statusCode(error: unknown): number | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown };
    if (typeof code === 'number') return code;
  }
  return undefined;
}

export function isNotFound(error: unknown): boolean {
  return statusCode(error) === NOT_FOUND || (error instanceof Error && error.name === 'WorkflowNotFoundError');
}

export function isDeadline(error: unknown): boolean {
  return (
    statusCode(error) === DEADLINE_EXCEEDED ||
    (error instanceof Error && error.name === 'WorkflowUpdateRPCTimeoutOrCancelledError')
  );
}
