import type { Connection } from '@temporalio/client';

/** What a run can be found by in Temporal, set in `workflows/board.ts`. */
export const searchAttributes = ['System', 'Environment', 'Version', 'Phase', 'Outcome'];

/** `temporal.api.enums.v1.IndexedValueType` */
const KEYWORD = 2;
const ALREADY_EXISTS = 6;

/**
 * Registers the project's search attributes in a namespace: a workflow that sets one that is not there would hold its environment
 * for ever. May be called at every start, and by several workers at once. Takes a `Connection` or a `NativeConnection`.
 */
export async function registerSearchAttributes(
  connection: Pick<Connection, 'operatorService'>,
  namespace: string,
): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = searchAttributes.filter((name) => Number(customAttributes?.[name]) !== KEYWORD);
  if (missing.length === 0) return;
  try {
    const attributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: attributes });
  } catch (error) {
    if ((error as { code?: number }).code !== ALREADY_EXISTS) throw error;
  }
}
