import { describe, expect, it } from 'vitest';
import { poll, type Try } from '../../../src/activities/checks/polling.js';

describe('what is said after several tries', () => {
  const silence: Try = { ok: false, answered: false, silent: true, seen: 'no answer within 76 ms' };
  const refused: Try = { ok: false, answered: false, seen: 'TLS is refused: the certificate has expired' };
  const answer: Try = { ok: false, answered: true, seen: '503 in 4 ms' };

  it.each<[string, Try[], RegExp]>([
    ['an answer rather than none', [answer, refused], /^503 in 4 ms; at the last try TLS is refused/],
    ['any word rather than silence', [refused, silence], /^TLS is refused.*; at the last try no answer within 76 ms/],
    ['the last word of several', [refused, answer], /^503 in 4 ms; tried/],
    ['silence, where there was nothing else', [silence], /^no answer within 76 ms; tried/],
  ])('is %s', async (_, tries, seen) => {
    let tried = 0;
    const found = await poll(400, new AbortController().signal, async () => {
      const [one, last] = [tries[tried], tries.at(-1)];
      tried += 1;
      return (one ?? last)!;
    });
    expect(found.seen).toMatch(seen);
  });
});
