/** The command itself ended badly; anything else (a lost worker, an unknown outcome) keeps its own words. */
export function isExit(error: unknown): error is { type: string; details?: unknown[] } {
  return ['CommandFailed', 'Timeout'].includes((error as { type?: string }).type ?? '');
}

export function detailsOf({ details }: { details?: unknown[] }): Record<string, unknown> {
  return (details?.[0] ?? {}) as Record<string, unknown>;
}

/** The line of a Python traceback that says what went wrong: others follow it, and a log may be mixed in. */
export function pythonError(error: { details?: unknown[] }): string | undefined {
  const { tail } = detailsOf(error);
  const lines = typeof tail === 'string' ? tail.split('\n') : [];
  return lines.filter((line) => /^([\w.]+(Error|Exception|Violation|\.\w+): |FAILED: )/.test(line)).at(-1);
}
