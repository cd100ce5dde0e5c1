import type { ConnectionOptions } from '@temporalio/client';

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type Call = ReturnType<Interceptor>;

/** gRPC's own number. */
const CANCELLED = 1;

/**
 * Ends a call that is begun on a closed connection as cancelled. The client's retry begins calls in a timer, where what gRPC
 * throws for a closed channel would end the process. Stands after the retry among the interceptors.
 */
export const endOnClosedChannel: Interceptor = (options, nextCall) => {
  try {
    return nextCall(options) as Call;
  } catch (error) {
    return endedCall(error instanceof Error ? error.message : String(error));
  }
};

function endedCall(details: string): Call {
  const ended = {
    start: (metadata: unknown, listener?: { onReceiveStatus?: (status: unknown) => void }) =>
      void setImmediate(() => listener?.onReceiveStatus?.({ code: CANCELLED, details, metadata })),
    sendMessage: () => undefined,
    sendMessageWithContext: () => undefined,
    startRead: () => undefined,
    halfClose: () => undefined,
    cancelWithStatus: () => undefined,
    getPeer: () => 'closed',
    getAuthContext: () => null,
  };
  return ended as unknown as Call;
}
