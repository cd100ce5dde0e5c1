import { afterAll, beforeAll, expect, it } from 'vitest';
import { openStage, type Stage } from './stage.js';

let stage: Stage;
beforeAll(async () => void (stage = await openStage()));
afterAll(() => stage.close());

const text = (part: string) => expect.stringContaining(part) as string;

it('says that no worker serves the host, once Temporal is sure: nothing was changed, exit 1', async () => {
  const { environment } = await stage.environment({ worker: false });
  const [deploy, status, history] = await Promise.all(
    [
      ['deploy', environment, '2.0.0'],
      ['status', environment],
      ['history', environment],
    ].map((args) => stage.run(args)),
  );
  expect(deploy).toMatchObject({
    code: 1,
    out: text(`no worker serves ${environment}: start \`slipway worker\` on its host`),
  });
  expect(deploy?.err.match(/! no worker serves/g)).toHaveLength(1);
  expect(status?.out).toMatch(/no worker on the host|running/);
  const waits = `! the host of ${environment} has not answered yet; waiting for up to a minute`;
  expect(history).toMatchObject({
    code: 1,
    err: `${waits}\nslipway: no worker serves ${environment}: start \`slipway worker\` on its host`,
  });
}, 120_000);
