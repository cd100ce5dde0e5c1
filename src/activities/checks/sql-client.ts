import pg from 'pg';

/** A connection of its own, which the deadline and a cancel break off whatever the server does. `close` never throws. */
export async function openClient(
  url: string,
  withinMs: number,
  cancelled: AbortSignal,
): Promise<{ client: pg.Client; close: () => Promise<void> }> {
  const client = new pg.Client({
    // SQLAlchemy's `postgresql+psycopg://` names a driver, which nobody else understands.
    connectionString: url.replace(/^(postgres(?:ql)?)\+\w+:/, '$1:'),
    connectionTimeoutMillis: withinMs,
    application_name: 'slipway check',
  });
  // An error on a broken connection would end the worker; whoever waits for a query hears of it anyway.
  client.on('error', () => undefined);
  const breakOff = () =>
    (client as unknown as { connection: { stream: { destroy(error: Error): void } } }).connection.stream.destroy(
      new Error(BROKEN_OFF),
    );
  // The server's own timeout comes first and says more.
  const timer = setTimeout(breakOff, withinMs + 1000);
  cancelled.addEventListener('abort', breakOff);
  const close = async () => {
    clearTimeout(timer);
    cancelled.removeEventListener('abort', breakOff);
    await Promise.race([
      client.end().catch(() => undefined),
      new Promise((resolve) => setTimeout(resolve, 500).unref()),
    ]);
  };
  try {
    cancelled.throwIfAborted();
    await client.connect();
    return { client, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export const BROKEN_OFF = 'the check broke the connection off';
