import { execFileSync } from 'node:child_process';
import { inject, describe, expect, it } from 'vitest';
import { findTools } from '../../src/lib/tools.js';
import { ending, gate, until, withBench } from './harness.js';

const failure = async (result: Promise<unknown>) =>
  result.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: { cause?: { message: string; type: string } }) => error.cause,
  );

describe('starting a run', () => {
  it.each([
    ['deploy', undefined, 'deploy takes one JSON object, e.g. --input \'{"version":"1.12.0"}\''],
    ['deploy', {}, 'version is missing'],
    ['deploy', '2.0.0', 'deploy takes one JSON object'],
    ['deploy', { version: 2 }, 'version has to be a text'],
    ['deploy', { version: '2.0.0', force: 'yes' }, 'deploy knows no force'],
    ['deploy', { version: '2.0.0', change: 'tiny' }, 'change is none, compatible or breaking, not tiny'],
    ['rollback', { vesion: '1' }, 'rollback knows no vesion'],
  ] as const)('refuses an input of the wrong shape and holds nothing: %s %j', async (kind, input, message) => {
    await withBench({}, async ({ start }) => {
      const report = await ending(await start(kind, input));
      expect(report).toMatchObject({ outcome: 'failed-unchanged', problem: 'Usage' });
      expect(report.reason).toContain(message);
    });
  });

  it('answers an unknown type instead of holding the id for ever', async () => {
    await withBench({}, async ({ start }) => {
      expect(await failure((await start('depoly' as 'deploy', {})).result())).toMatchObject({
        type: 'Usage',
        message: expect.stringContaining('there is no workflow depoly') as string,
      });
    });
  });

  it.each([
    [{ workflowExecutionTimeout: '1 hour' }, 'started with a timeout'],
    [{ workflowRunTimeout: '1 hour' }, 'started with a timeout'],
    [{ retry: { maximumAttempts: 1 } }, 'started with a retry policy'],
  ])('refuses start options under which a release could end without undo: %j', async (options, message) => {
    await withBench({}, async ({ start, log }) => {
      expect((await ending(await start('deploy', { version: '2.0.0' }, options))).reason).toContain(message);
      expect(log).toEqual([]);
    });
  });

  it('refuses an id that is no environment', async () => {
    await withBench({}, async ({ start, environment }) => {
      expect(
        (await ending(await start('deploy', { version: '2.0.0' }, { workflowId: `${environment}x` }))).reason,
      ).toContain(`there is no environment ${environment}x; known: ${environment}`);
      expect(
        (await ending(await start('deploy', { version: '2.0.0' }, { workflowId: `${environment}/plan/x` }))).reason,
      ).toContain('its workflow id has to be system/environment');
    });
  });

  it('lets one run at a time hold an environment, whatever its type', async () => {
    await withBench({ outline: { gates: { go: gate() } } }, async ({ start }) => {
      const holder = await start('deploy', { version: '2.0.0' });
      await until(holder, ({ questions }) => questions.length > 0);
      await expect(start('deploy', { version: '3.0.0' })).rejects.toThrow('Workflow execution already started');
      await expect(start('rollback', {})).rejects.toThrow('Workflow execution already started');
    });
  });

  it('is refused to a second `temporal workflow start` by --fail-existing, which alone says so by its exit code', async () => {
    await withBench({ outline: { gates: { go: gate() } } }, async ({ start, environment }) => {
      await until(await start('deploy', { version: '2.0.0' }), ({ questions }) => questions.length > 0);
      const temporal = await findTools().find('temporal');
      const argv = [
        'workflow',
        'start',
        '--address',
        inject('temporal'),
        '--type',
        'deploy',
        '--task-queue',
        `w-${environment}`,
        '--workflow-id',
        environment,
        '--input',
        '{"version":"3.0.0"}',
      ];
      expect(execFileSync(temporal, argv, { encoding: 'utf8' })).toContain('Running execution');
      expect(() => execFileSync(temporal, [...argv, '--fail-existing'], { encoding: 'utf8', stdio: 'pipe' })).toThrow();
    });
  });
});
