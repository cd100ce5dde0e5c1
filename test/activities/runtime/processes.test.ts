import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noteStopped } from '../../../src/activities/records.js';
import { openPorts } from '../../../src/activities/runtime/listeners.js';
import { runtime } from '../../../src/activities/runtime/lookup.js';
import { stepContext, type TestStep } from '../step-context.js';
import { gate, makeService, type Service } from './service.js';

let service: Service;
beforeEach(async () => void (service = await makeService()));
afterEach(() => service.remove());

const release = { version: '2.0.0', sha: '0'.repeat(40) };
const adapter = () => {
  const made = runtime(service.step().definition);
  return { ...made, start: (context: TestStep) => made.start(context, release) };
};
const pid = () => readFileSync(join(service.directory, `pid.${service.port}`), 'utf8').trim();
const readBaselineOf = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'start-1-baseline.json'), 'utf8')) as { boot: string };
const failing = (type: string, text: string) => ({ type, message: expect.stringContaining(text) as string });

describe('start', () => {
  it('is proven by a listener younger than the step, and is done once', async () => {
    expect(await adapter().start(service.step())).toMatchObject({
      note: expect.stringContaining(`port ${service.port}: node (pid ${pid()})`) as string,
    });
    const first = pid();
    const again = service.step();
    await adapter().start(again);
    expect([again.changes, pid()]).toEqual([[], first]);
    expect(await adapter().runs(service.step())).toBe(true);
  });

  it('that was refused for a taken port is taken back without waiting for it; the version before is started once it is free', async () => {
    const at = (step: 'stop' | 'start', undo: boolean, time = 1) =>
      service.step({ timeoutMs: 60_000 }, { at: { step, undo, try: time } });
    await adapter().start(at('start', false, 9)); // of the run before
    const { folder } = at('stop', false);
    rmSync(join(folder, 'start-9-baseline.json'));
    await adapter().stop(at('stop', false));
    await noteStopped(folder);
    const stranger = await service.occupy(service.port);
    const taken = failing('NotStarted', `port ${service.port}: node (pid ${process.pid}): end that process`);
    await expect(adapter().start(at('start', false))).rejects.toMatchObject(taken);
    await expect(adapter().start(at('start', false, 2))).rejects.toMatchObject(taken);
    const { note } = await adapter().stop(at('start', true));
    expect(note).toContain(`nothing was started; not this system's: port ${service.port}: node (pid ${process.pid})`);
    await expect(adapter().start(at('stop', true))).rejects.toMatchObject(taken);
    await new Promise((closed) => stranger.close(closed));
    const back = at('stop', true, 2);
    await adapter().start(back);
    expect(back.changes).toEqual(['start']);
  });

  it('is not taken for nothing where its command began, or where the version before was not proven to be stopped', async () => {
    const undo = () => service.step({ stop: ['true'], timeoutMs: 300 }, { at: { step: 'start', undo: true } });
    await adapter().start(service.step({}, { at: { step: 'switch' } }));
    await expect(adapter().stop(undo())).rejects.toMatchObject({ type: 'NotStopped' });
    const { folder } = undo();
    await noteStopped(folder);
    rmSync(join(folder, 'listeners.json'));
    writeFileSync(join(folder, 'start-1-baseline.json'), '{}');
    await expect(adapter().stop(undo())).rejects.toMatchObject({ type: 'NotStopped' });
  });

  it('is proven after a reboot by whatever listens, although its clock began anew', async () => {
    const step = service.step({}, { at: { step: 'start' } });
    await adapter().start(step);
    // As it is read by the next worker, which adopts the command of this try: of a boot that lasted longer than this one.
    const [path, { boot }] = [join(step.folder, 'start-1-baseline.json'), readBaselineOf(step.folder)];
    const late = (of: string) => writeFileSync(path, JSON.stringify({ boot: of, ticks: 2 ** 50 }));
    late(boot);
    await expect(adapter().start(service.step({}, { at: { step: 'start' } }))).rejects.toMatchObject(
      failing('NotStarted', 'began before this start'),
    );
    late('of another boot');
    expect((await adapter().start(service.step({}, { at: { step: 'start' } }))).note).toContain(`(pid ${pid()})`);
  });

  it('starts nothing when the port is taken, naming the holder', async () => {
    await service.occupy(service.port);
    const step = service.step();
    await expect(adapter().start(step)).rejects.toMatchObject(failing('NotStarted', `(pid ${process.pid})`));
    expect(step.changes).toEqual([]);
  });

  it('is not proven by an old process that answers on the port', async () => {
    const old = await service.startOld();
    const step = service.step({ start: ['touch', 'go'], timeoutMs: 10_000 });
    await expect(adapter().start(step)).rejects.toMatchObject(
      failing('NotStarted', `(pid ${old.pid}) began before this start`),
    );
  });

  it('is not proven by a parent whose workers crash again and again', async () => {
    const step = service.step({ start: ['sh', 'start-crashing.sh', `${service.port}`], timeoutMs: 2_000 });
    await expect(adapter().start(step)).rejects.toMatchObject(failing('NotStarted', 'come and go'));
  });

  it('is not proven by a parent that holds the port while its workers die, where that is observed', async () => {
    const master = (live: string) => ({ MODE: 'master', WORKERS_LIVE: live });
    await expect(adapter().start(service.step({ env: master('1'), observeMs: 20_000 }))).rejects.toMatchObject({
      type: 'NotStarted',
      message: expect.stringMatching(/^sleep \(pid \d+\), which process \d+ started, ended while/) as string,
    });
    const retry = service.step({ env: master('60'), observeMs: 500 }, { at: { try: 2 } });
    expect((await adapter().start(retry)).note).toContain(', steady for 0.5 s');
  });

  it('fails with the last lines of a command after which nothing listens', async () => {
    const step = service.step({ start: ['sh', '-c', 'echo no licence; exit 0'], timeoutMs: 300 });
    await expect(adapter().start(step)).rejects.toMatchObject(failing('NotStarted', 'no licence'));
  });

  it('fails when one of its ports stays closed', async () => {
    const step = service.step({ ports: [service.port, service.publicPort], timeoutMs: 700 });
    await expect(adapter().start(step)).rejects.toMatchObject(
      failing('NotStarted', `nothing listens on port ${service.publicPort}`),
    );
  });

  it('is done once the status command agrees, and so is the stop: what listens on no port is found by it', async () => {
    const scheduler = join(service.directory, 'scheduler-runs');
    const settings = {
      status: ['sh', '-c', 'test -e scheduler-runs || { echo no scheduler; exit 3; }'],
      timeoutMs: 700,
    };
    await expect(adapter().start(service.step(settings))).rejects.toMatchObject(
      failing('NotStarted', 'ends with 3; its last line: no scheduler'),
    );
    writeFileSync(scheduler, '');
    await adapter().start(service.step(settings));
    await expect(adapter().stop(service.step(settings))).rejects.toMatchObject(
      failing('NotStopped', 'the ports are closed, but sh -c'),
    );
    rmSync(scheduler);
    await adapter().stop(service.step(settings));
  });

  it('clears what an earlier try left half-started, and nothing that is not the service', async () => {
    const ports = [service.port, service.publicPort];
    await expect(adapter().start(service.step({ ports, timeoutMs: 700 }))).rejects.toMatchObject({
      type: 'NotStarted',
    });
    const half = pid();
    const retry = service.step({}, { at: { try: 2 } });
    await adapter().start(retry);
    expect(retry.changes).toEqual(['stop-before-retry', 'start']);
    expect(pid()).not.toBe(half);
  });

  it('gives its command variables with references filled in, which no output shows', async () => {
    const path = join(service.directory, 'env');
    writeFileSync(path, 'API_TOKEN=hunter2hunter2\n');
    const { definition, folder } = service.step({ env: { GREETING: 'it is $API_TOKEN' } });
    const step = stepContext({ definition, folder, home: folder, env: path, at: { step: 'start' } });
    await adapter().start(step);
    expect(step.lines).toContain('it is [redacted]');
    expect(adapter().commands(definition).start).toEqual([`GREETING="it is $API_TOKEN" sh start.sh ${service.port}`]);
  });
});

describe('stop', () => {
  it('is proven by closed ports, and is fine when nothing runs', async () => {
    await adapter().start(service.step());
    await adapter().stop(service.step({}, { at: { step: 'stop' } }));
    expect(await openPorts([service.port])).toEqual([]);
    expect(await adapter().runs(service.step())).toBe(false);
    await adapter().stop(service.step({ stop: ['false'] }, { at: { step: 'stop', try: 2 } }));
    await adapter().stop(service.step({ stop: ['scripts/stop.sh'] }, { at: { step: 'stop', try: 3 } }));
  });

  it('fails naming who still listens, whatever its command said', async () => {
    await adapter().start(service.step());
    const step = service.step({ stop: ['true'], timeoutMs: 300 }, { at: { step: 'stop' } });
    await expect(adapter().stop(step)).rejects.toMatchObject(
      failing('NotStopped', `port ${service.port}: node (pid ${pid()})`),
    );
  });

  it('fails where systemd holds the socket for the next request, and says what to stop', async () => {
    const holder = spawn('node', ['server.cjs', 'socket', `${service.port}`], { cwd: service.directory });
    await expect.poll(() => openPorts([service.port]), { timeout: 30_000 }).toEqual([service.port]);
    const step = service.step({ timeoutMs: 300 }, { at: { step: 'stop' } });
    await expect(adapter().stop(step)).rejects.toMatchObject(
      failing(
        'NotStopped',
        `systemd (pid ${holder.pid}) still listens 0 s after the command: have the stop command stop its socket unit`,
      ),
    );
  });

  it('fails naming a process that closed its port and lives on, also where a retry finds the port closed', async () => {
    await adapter().start(service.step({ env: { MODE: 'drain' } }));
    const stop = (time: number, settings = {}) =>
      adapter().stop(service.step(settings, { at: { step: 'stop', try: time } }));
    const draining = failing(
      'NotStopped',
      `port ${service.port}: node (pid ${pid()}) listens no longer, but still runs`,
    );
    await expect(stop(1, { timeoutMs: 1_500 })).rejects.toMatchObject(draining);
    expect(await openPorts([service.port])).toEqual([]);
    await expect(stop(2, { stop: ['true'], timeoutMs: 500 })).rejects.toMatchObject(draining);
    process.kill(Number(pid()), 'SIGKILL');
    await stop(3);
  });

  it('fails when its command fails while something runs', async () => {
    await adapter().start(service.step());
    const step = service.step({ stop: ['false'] }, { at: { step: 'stop' } });
    await expect(adapter().stop(step)).rejects.toMatchObject({ type: 'CommandFailed' });
  });
});

describe('a supervisor that lives on and holds the port for its workers', () => {
  it('is spared: its workers must have ended, and be younger, release after release', async () => {
    const { pid: supervisor, settings } = await service.supervise();
    const at = (step: 'start' | 'stop', time: number) => service.step(settings, { at: { step, try: time } });
    const started = new Set<string>();
    for (const time of [1, 2]) {
      const { note = '' } = await adapter().start(at('start', time));
      started.add(/\(pid (\d+)\)/.exec(note)?.[1] ?? '');
      expect(await adapter().preflight(at('start', time))).toContainEqual(
        expect.objectContaining({ name: 'workers', outcome: 'pass' }),
      );
      await adapter().stop(at('stop', time));
      expect(await openPorts([service.port])).toEqual([]);
    }
    expect([started.size, started.has(`${supervisor}`)]).toEqual([2, false]);
    expect(() => process.kill(supervisor, 0)).not.toThrow();
  });

  it('is no reason to overlook a worker that closed its port and lives on', async () => {
    writeFileSync(join(service.directory, 'drains'), '');
    const { settings } = await service.supervise();
    const { note = '' } = await adapter().start(service.step(settings));
    const worker = /\(pid (\d+)\)/.exec(note)?.[1];
    const stop = service.step({ ...settings, timeoutMs: 700 }, { at: { step: 'stop' } });
    await expect(adapter().stop(stop)).rejects.toMatchObject(
      failing('NotStopped', `node (pid ${worker}) listens no longer, but still runs`),
    );
  });

  it('is no new worker, nor is one that the command still names after the stop', async () => {
    const { pid: supervisor, settings } = await service.supervise();
    const asItself = { ...settings, workers: ['echo', `${supervisor}`], timeoutMs: 2_000 };
    await expect(adapter().start(service.step(asItself))).rejects.toMatchObject(
      failing('NotStarted', `node (pid ${supervisor}) began before this start`),
    );
    const other = ['sh', '-c', `cat workers; test -e wanted || echo ${process.pid}`];
    const stop = service.step({ ...settings, workers: other, timeoutMs: 700 }, { at: { step: 'stop' } });
    await expect(adapter().stop(stop)).rejects.toMatchObject(failing('NotStopped', `(pid ${process.pid}): end it`));
  });

  it('is NO-GO before anything stops, where its command names nobody, something else, or what did not listen', async () => {
    const { settings } = await service.supervise();
    await adapter().start(service.step(settings));
    const seen = async (workers: string[]) => {
      const results = await adapter().preflight(service.step({ ...settings, workers }));
      const { outcome, seen } = results.find(({ name }) => name === 'workers') ?? {};
      return `${outcome}: ${seen}`;
    };
    expect(await seen(['true'])).toMatch(/^fail: true names no process, and port \d+: node \(pid \d+\) started none/);
    expect(await seen(['echo', 'online'])).toContain('fail: echo online has to print pids alone, and printed "online"');
    expect(await seen(['echo', `${process.pid}`])).toContain('started none of them');
  });
});

describe('a system that starts closed', () => {
  const closedStep = (at: Parameters<Service['step']>[1] = {}, processes: Parameters<Service['step']>[0] = {}) => {
    const open = {
      open: gate.open(service.publicPort),
      close: gate.close(service.publicPort),
      closed_url: `http://127.0.0.1:${service.port}`,
    };
    return service.step(processes, { open, url: `http://localhost:${service.publicPort}`, ...at });
  };

  it('is opened and closed, proven by the public port', async () => {
    await adapter().start(closedStep());
    expect(await openPorts([service.publicPort])).toEqual([]);
    await adapter().open(closedStep({ at: { step: 'open' } }));
    expect(await openPorts([service.publicPort])).toEqual([service.publicPort]);
    await adapter().close(closedStep({ at: { step: 'open', undo: true } }));
    expect(await openPorts([service.publicPort])).toEqual([]);
  });

  it('is not stopped while the public port is open', async () => {
    await adapter().start(closedStep());
    await adapter().open(closedStep({ at: { step: 'open' } }));
    const step = closedStep({ at: { step: 'stop' } }, { timeoutMs: 300 });
    await expect(adapter().stop(step)).rejects.toMatchObject(failing('NotStopped', `port ${service.publicPort}: node`));
  });

  it('fails to open or close when the port says so', async () => {
    const mute = { open: ['true'], close: ['true'], closed_url: `http://127.0.0.1:${service.port}` };
    const url = `http://127.0.0.1:${service.publicPort}`;
    const step = (name: 'open' | 'watch') => service.step({ timeoutMs: 200 }, { open: mute, url, at: { step: name } });
    await expect(adapter().open(step('open'))).rejects.toMatchObject({ type: 'NotStarted' });
    await service.occupy(service.publicPort);
    await expect(adapter().close(step('watch'))).rejects.toMatchObject({ type: 'NotStopped' });
  });

  it('says that a port on another host proves nothing', async () => {
    const open = { open: ['true'], close: ['true'], closed_url: `http://127.0.0.1:${service.port}` };
    const result = await adapter().open(service.step({}, { open, url: 'https://shop.example.com' }));
    expect(result.note).toContain('shop.example.com is not this host');
  });

  it('is open since start where the definition says so', async () => {
    expect(await adapter().open(service.step())).toEqual({ note: 'open since start' });
  });
});

describe('preflight', () => {
  const outcomes = async (processes: Parameters<Service['step']>[0]) => {
    const results = await adapter().preflight(service.step(processes));
    return Object.fromEntries(results.map(({ name, outcome, seen }) => [name, `${outcome}: ${seen}`]));
  };

  it('finds programs that are missing, except those that the first version brings', async () => {
    const results = await outcomes({ start: ['scripts/start.sh'], stop: ['no-such-program'] });
    expect(results['start-command']).toContain('pass: not there yet');
    expect(results['stop-command']).toContain('fail: not found');
  });

  it('shows who holds the ports', async () => {
    expect((await outcomes({})).ports).toBe('pass: nothing listens');
    await service.occupy(service.port);
    expect((await outcomes({})).ports).toContain(`(pid ${process.pid})`);
  });
});

it('gives lines that stop and start it from a shell alone', async () => {
  const byHand = adapter().byHand(service.step({ env: { GREETING: `it's "$HOME" for $5` } }));
  const run = (lines: string[]) =>
    execFileSync('sh', ['-eu'], {
      input: lines.join('\n'),
      encoding: 'utf8',
      cwd: '/',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  expect(run(byHand.start)).toContain(`it's "${process.env.HOME}" for $5`);
  await expect.poll(() => openPorts([service.port])).toEqual([service.port]);
  run(byHand.stop);
  await expect.poll(() => openPorts([service.port])).toEqual([]);
});
