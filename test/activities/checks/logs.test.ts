import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { markLogs } from '../../../src/activities/checks/log-marks.js';
import { runLogsCheck } from '../../../src/activities/checks/logs.js';
import { baseImage, describeWithDocker, docker, removeAll, uniqueName } from '../../stack/docker.js';
import type { Check, Definition } from '../../../src/model.js';
import { contextWith, temporaryFolder } from './support.js';

const processes = { processes: {} } as unknown as Definition['runtime'];
const upgraded: Check = {
  logs: 'app.log',
  expect: { contains: 'upgrade complete', lacks: { matches: '^(ERROR|Traceback)' } },
  withinMs: 600,
};

/** A log with an error of the version before, and a mark at its end. */
async function started(check = upgraded) {
  const folder = temporaryFolder();
  const context = contextWith({
    definition: { runtime: processes, verify: { log: check } },
    variables: { TOKEN: 'a-secret-token' },
    more: { startedIn: [folder] },
  });
  const path = join(context.definition.directory, 'app.log');
  const write = (text: string) => appendFileSync(path, text);
  write('upgrade complete\nERROR of the old version\n');
  await markLogs(folder, 'start-1', context);
  return { folder, context, path, write, run: () => runLogsCheck(check, context) };
}

describe('a check of a log file', () => {
  it('sees only what was written since the start: a line that appears', async () => {
    const { run, write } = await started({ ...upgraded, withinMs: 20_000 });
    setTimeout(() => write('INFO upgrade complete\n'), 200);
    const verdict = await run();
    expect(verdict.ok).toBe(true);
    expect(verdict.expected).toMatch(
      /^the log of app\.log since 20\S+Z: a line contains "upgrade complete", no line matches/,
    );
    expect(verdict.seen).toMatch(/^"INFO upgrade complete"; passed at try \d/);
  });

  it('fails while the line does not come, and shows the last one without secrets', async () => {
    const { run, write } = await started();
    write('INFO starting with a-secret-token\n');
    const { ok, seen } = await run();
    expect(ok).toBe(false);
    expect(seen).toMatch(/^none of 1 lines; the last is "INFO starting with \[redacted\]"; tried \d times/);
  });

  it('fails at once where a line must not be there, in the middle of thousands', async () => {
    const { run, write } = await started({ ...upgraded, withinMs: 30_000 });
    write('fine\n'.repeat(20_000) + 'ERROR boom\n' + 'upgrade complete\n'.repeat(20_000));
    const { ok, seen } = await run();
    expect(ok).toBe(false);
    expect(seen).toMatch(/^there is "ERROR boom"; tried once/);
  });

  it.each(['is emptied', 'is moved away'])('reads all of a file that %s at the start', async (how) => {
    const { run, path } = await started();
    if (how === 'is moved away') renameSync(path, `${path}.1`);
    writeFileSync(path, 'upgrade complete, now of the new version, which has written more than there was\n');
    expect(await run()).toMatchObject({ ok: true });
  });

  it('keeps the mark for a second attempt of the same start, and makes another one for the next', async () => {
    const { run, write, folder, context } = await started();
    write('upgrade complete\n');
    await markLogs(folder, 'start-1', context);
    expect(await run()).toMatchObject({ ok: true });
    await markLogs(folder, 'start-2', context);
    expect(await run()).toMatchObject({ ok: false });
  });

  it('searches all of it where no run started anything', async () => {
    const { context } = await started();
    const { ok, expected, seen } = await runLogsCheck(upgraded, { ...context, startedIn: [] });
    expect(ok).toBe(false);
    expect(expected).toContain('the log of app.log as a whole');
    expect(seen).toContain('ERROR of the old version');
  });

  it('says that there is no file, and refuses what it cannot look for', async () => {
    const { context } = await started();
    const none = await runLogsCheck({ ...upgraded, logs: 'none.log' }, context);
    expect(none.seen).toMatch(/none\.log cannot be read \(ENOENT\); tried/);
    const run = (wanted: unknown) => runLogsCheck({ logs: 'app.log', expect: wanted }, context);
    await expect(run({ contain: 'x' })).rejects.toThrow(/cannot expect contain/);
    await expect(run({ lacks: { longer: 3 } })).rejects.toThrow(/looks for text or for \{ matches/);
    await expect(run(undefined)).rejects.toThrow(/needs expect/);
  });
});

describeWithDocker('a check of the log of a container', () => {
  const name = uniqueName();
  afterAll(() => removeAll(name));

  it('reads both of its streams since the start', async () => {
    const script = 'trap "echo ready >&2" USR1; echo panic; while :; do sleep 0.1; done';
    docker('run', '--detach', '--name', name, baseImage, 'sh', '-c', script);
    await expect.poll(() => docker('logs', name), { timeout: 20_000 }).toBe('panic');
    const folder = temporaryFolder();
    const runtime = { container: { name } } as unknown as Definition['runtime'];
    const context = contextWith({ definition: { runtime }, more: { startedIn: [folder] } });
    const run = (expected: unknown, one = context) =>
      runLogsCheck({ logs: name, expect: expected, withinMs: 5000 }, one);
    await markLogs(folder, 'start-1', context);
    expect(await run({ lacks: 'panic' })).toMatchObject({ ok: true, seen: 'none of 0 lines' });
    docker('kill', '--signal', 'USR1', name);
    expect(await run({ contains: { matches: '^ready$' }, lacks: 'panic' })).toMatchObject({ ok: true });
    expect((await run({ lacks: 'ready' })).seen).toMatch(/^there is "ready"/);
    expect((await run({ lacks: 'panic' }, { ...context, startedIn: [] })).seen).toMatch(/^there is "panic"/);
    docker('kill', name);
    const gone = await runLogsCheck({ logs: name, expect: { contains: 'ready' }, withinMs: 500 }, context);
    expect(gone.seen).toContain('does not run');
  });
});
