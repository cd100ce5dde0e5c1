import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { readEvidence } from '../../src/lib/evidence.js';
import type { Status } from '../../src/model.js';
import { differences, readData } from '../faults/data.js';
import { canMount } from '../stack/small-disk.js';
import { smallSpace } from '../stack/small-space.js';
import { ending, until, withStand, type Stand } from './stand.js';

/** A release that waits for its sign-off: users are in. */
const signedOff = (yaml: string) => yaml.replace('sign-off: none', 'sign-off: { deadline: 1h, on_deadline: remind }');
/** A check of the newer version that makes an order before users are in. */
const ordering = (yaml: string) => signedOff(yaml).replace('\nwatch: 2s', `
  order: { http: POST /orders, bearer: $SHOP_TOKEN, body: { customer: 1, item: Cup, total_cents: 100 }, expect: 201, when: { version: ">=2.0.0" } }
watch: 2s`);
/** Mail that is sent from the orders. */
const mailing = (yaml: string) => `${signedOff(yaml)}
effects:
  mail: { start: [sh, -c, "echo on >>mail.log"], stop: [sh, -c, "echo off >>mail.log"], sql: SELECT item FROM orders WHERE item = 'Teapot' }
`;

async function order({ shop }: Stand): Promise<number> {
  const body = JSON.stringify({ customer: 1, item: 'Teapot', total_cents: 1999 });
  return (await fetch(`${shop.url}/orders`, { method: 'POST', headers: { authorization: `Bearer ${shop.token}`, 'content-type': 'application/json' }, body })).status;
}

const mail = async ({ shop }: Stand) => (await readFile(join(shop.directory, 'mail.log'), 'utf8')).trim().split('\n');

describe('after open', () => {
  it('puts no data back without a person, who sees the rows that it would cost', async () => {
    await withStand(async (stand) => {
      await stand.go('deploy', { version: '1.0.0', by: 'bob' });
      const approved = await openAgain(stand);
      expect(await order(stand)).toBe(201);
      await approved.handle.signal('rollback', { by: 'ann', reason: 'it is slow' });
      const question = await approved.ask('rollback');
      expect(question.detail?.[0]).toContain('put-back: the data of');
      expect(question.detail?.slice(1).sort()).toEqual(['main.public.customers: at least 1 change would be lost', 'main.public.orders: at least 1 change would be lost', 'main.public.payments: at least 1 change would be lost']);
      await approved.handle.signal('approve', { gate: 'rollback', by: 'ann', plan: question.plan, reason: 'the order was ours' });
      // Users are in again; what acts on the outside world waits for who has seen what the data that is back does not know.
      const { plan, detail } = await approved.ask('effects');
      expect((await (await fetch(`${stand.shop.url}/health`)).json()) as object).toMatchObject({ version: '1.0.0' });
      expect(detail?.[0]).toBe('mail, only in what was replaced: {"item": "Teapot"}');
      expect(await mail(stand)).toEqual(['on', 'off', 'on', 'off']);
      await approved.handle.signal('answer', { to: 'effects', answer: 'start', by: 'ann', plan });
      expect(await ending(approved.handle)).toMatchObject({ outcome: 'rolled-back', failed: false, current: '1.0.0' });
      expect(await mail(stand)).toEqual(['on', 'off', 'on', 'off', 'on']);
    }, { definition: mailing });
  }, 600_000);

  it('puts data back by itself where it is proven that nobody but the checks wrote a row, also where no copy had room', async () => {
    const space = canMount ? await smallSpace(inject('postgres'), 400) : undefined;
    try {
      await withStand(async (stand) => {
        await space?.move(stand.database.name);
        await stand.go('deploy', { version: '1.0.0', by: 'bob' });
        const before = await readData(stand.database.ownerUrl);
        space?.disk.leave(20);
        const { handle, go } = await openAgain(stand);
        if (space) expect(go.detail?.join('\n')).toMatch(/no copy can stand beside it .*; a second backup is taken and proven after the stop, which adds about \d+ s of downtime/);
        await handle.signal('rollback', { by: 'ann', reason: 'wrong day' });
        const ended = await ending(handle);
        expect(ended).toMatchObject({ outcome: 'rolled-back', failed: false, current: '1.0.0', approvals: [{ gate: 'go' }] });
        const told = (await readEvidence(join(stand.home, 'runs', ended.run ?? ''))).map((entry) => JSON.stringify(entry)).join();
        expect(told).toContain('not counted is what was written before users came in, as by the checks guarded, order (main.public.');
        expect(differences(before, await readData(stand.database.ownerUrl))).toEqual([]);
        const { steps } = await handle.query<Status>('status');
        expect(steps.find(({ name, undo }) => name === 'standby' && !undo)?.note).toContain(space ? '/after-stop/main/main.dump' : '__s_');
      }, { definition: ordering });
    } finally {
      await space?.remove();
    }
  }, 600_000);
});

/** 2.0.0, with its users in. */
async function openAgain({ start }: Stand) {
  const handle = await start('deploy', { version: '2.0.0', by: 'bob', change: 'compatible' });
  const ask = (name: string) => until(async () => (await handle.query<Status>('status')).questions.find((question) => question.name === name));
  const go = await ask('go');
  await handle.signal('approve', { gate: 'go', by: 'ann', plan: go.plan });
  await ask('sign-off');
  return { handle, ask, go };
}
