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

interface Listener {
  onReceiveMessage?: (message: unknown) => void;
  onReceiveStatus?: (status: unknown) => void;
}

function endedCall(details: string): Call {
  const ended = {
    // As every unary call that fails: first no message, then why. The retry before us counts on both.
    start: (metadata: unknown, listener?: Listener) =>
      void setImmediate(() => {
        listener?.onReceiveMessage?.(null);
        listener?.onReceiveStatus?.({ code: CANCELLED, details, metadata });
      }),
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
