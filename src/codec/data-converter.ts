import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';

/**
 * Decoding never throws: one message that can't be decoded would fail its workflow's task for ever, cancel included. Such a
 * payload becomes a marked value instead, which handlers refuse with a reason and a marked activity result turns into a failure.
 */
const marking: PayloadCodec = {
  encode: async (payloads) => payloads,
  decode: async (payloads) => payloads.map(marked),
};

/** The one data converter of client, worker and replay. */
export const dataConverter: DataConverter = { payloadCodecs: [marking] };

function marked(payload: Payload): Payload {
  const problem = problemOf(payload);
  return problem === undefined
    ? payload
    : { metadata: { encoding: text('json/plain') }, data: text(JSON.stringify({ slipwayUndecodable: problem })) };
}

function problemOf(payload: Payload): string | undefined {
  const encoding = new TextDecoder().decode(payload.metadata?.encoding ?? new Uint8Array());
  if (encoding === 'binary/null' || encoding === 'binary/plain') return undefined;
  if (encoding !== 'json/plain') return `its encoding is ${encoding || 'missing'}`;
  try {
    JSON.parse(new TextDecoder().decode(payload.data ?? new Uint8Array()));
    return undefined;
  } catch {
    return 'it is no JSON';
  }
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
