import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { source } from '../../../src/activities/source/lookup.js';
import { git, makeRepository, write, type Repository } from './repository.js';

let repository: Repository;
afterEach(() => repository.remove());

const adapter = () => source(repository.definition);
const read = (...path: string[]) => readFileSync(join(repository.live, ...path), 'utf8').trim();
const head = () => git(repository.live, 'rev-parse', 'HEAD');
const keptPath = (sha: string) => join(repository.folder, 'replaced', `node_modules-${sha}`);

function expectLive(version: '1.0.0' | '2.0.0'): void {
  expect(head()).toBe(version === '1.0.0' ? repository.one.sha : repository.two.sha);
  expect([read('VERSION'), read('node_modules', 'version')]).toEqual([version, version]);
  expect(existsSync(join(repository.live, 'new.js'))).toBe(version === '2.0.0');
  expect([read('.env'), read('data', 'app.db')]).toEqual(['TOKEN=kept', 'rows']);
  expect(git(repository.live, 'status', '--porcelain')).toBe('');
}

describe('fetch', () => {
  it('stages the version with what its install commands make, and leaves the live checkout alone', async () => {
    repository = makeRepository();
    const step = repository.step({ step: 'fetch' });
    await adapter().fetch(step, repository.two);
    expect(readFileSync(join(step.staged(repository.two), 'node_modules/version'), 'utf8')).toBe('2.0.0\n');
    expectLive('1.0.0');
    expect(step.changes).toEqual([]);
  });

  it('keeps what is complete, and makes anew what was cut off', async () => {
    repository = makeRepository();
    const step = repository.step({ step: 'fetch' });
    const staged = step.staged(repository.two);
    await adapter().fetch(step, repository.two);
    writeFileSync(join(staged, 'node_modules/mine'), '');
    await adapter().fetch(step, repository.two);
    expect(existsSync(join(staged, 'node_modules/mine'))).toBe(true);
    rmSync(`${staged}.ready`);
    await adapter().fetch(step, repository.two);
    expect(existsSync(join(staged, 'node_modules/mine'))).toBe(false);
  });

  it('makes a worktree whose making was killed, although Git holds its path locked', async () => {
    repository = makeRepository();
    const step = repository.step({ step: 'fetch' });
    const staged = step.staged(repository.two);
    git(repository.live, 'worktree', 'add', '--quiet', '--lock', '--detach', staged, repository.one.sha);
    rmSync(staged, { recursive: true });
    await adapter().fetch(step, repository.two);
    expect(git(staged, 'rev-parse', 'HEAD')).toBe(repository.two.sha);
  });

  it('fails when a command fails or leaves out what it should make, and is not complete then', async () => {
    repository = makeRepository({ install: [['false']] });
    await expect(adapter().fetch(repository.step(), repository.two)).rejects.toMatchObject({ type: 'CommandFailed' });
    repository.remove();
    repository = makeRepository({ install: [['true']] });
    const step = repository.step();
    await expect(adapter().fetch(step, repository.two)).rejects.toThrow('the install commands left no node_modules');
    expect(existsSync(`${step.staged(repository.two)}.ready`)).toBe(false);
  });
});

it('touches no file of the live checkout before the switch: with bind mounts it would be live at once', async () => {
  repository = makeRepository({ version_file: 'VERSION', changelog: 'CHANGELOG.md' });
  const everyFile = () =>
    execFileSync('find', ['.', '-path', './.git', '-prune', '-o', '-printf', '%p %i %s %T@ %C@\n'], {
      cwd: repository.live,
      encoding: 'utf8',
    });
  const before = everyFile();
  const release = await adapter().resolve(repository.step(), '2.0.0');
  await adapter().preflight(repository.step({ step: 'preflight' }), release);
  await adapter().list(repository.step(), release, 'migrations');
  await adapter().fetch(repository.step({ step: 'fetch' }), release);
  expect(everyFile()).toBe(before);
  await adapter().switch(repository.step(), release);
  expect(everyFile()).not.toBe(before);
});

describe('switch', () => {
  async function switchTo(which: 'one' | 'two', at = {}) {
    const step = repository.step(at);
    await adapter().switch(step, repository[which]);
    return step;
  }

  it('brings code and installs, keeps ignored files, and a second call does nothing', async () => {
    repository = makeRepository();
    await adapter().fetch(repository.step({ step: 'fetch' }), repository.two);
    expect((await switchTo('two')).changes).toHaveLength(1);
    expectLive('2.0.0');
    expect((await switchTo('two')).changes).toEqual([]);
    expectLive('2.0.0');
  });

  it('goes back and forth again with the installs that it kept', async () => {
    repository = makeRepository();
    await adapter().fetch(repository.step({ step: 'fetch' }), repository.two);
    await switchTo('two');
    await switchTo('one', { undo: true });
    expectLive('1.0.0');
    await switchTo('two', { try: 2 });
    expectLive('2.0.0');
  });

  it('installs in the live checkout, forwards and backwards, where nothing says what is to be moved', async () => {
    repository = makeRepository({ installs: [] });
    await adapter().fetch(repository.step({ step: 'fetch' }), repository.two);
    expect((await switchTo('two')).changes).toHaveLength(2);
    expectLive('2.0.0');
    await switchTo('one', { undo: true });
    expectLive('1.0.0');
    expect(adapter().commands(repository.definition, repository.one).switch.at(-1)).toContain(
      'cp VERSION node_modules',
    );
  });

  it('goes back to a checkout that had no installs', async () => {
    repository = makeRepository();
    rmSync(join(repository.live, 'node_modules'), { recursive: true });
    await adapter().fetch(repository.step({ step: 'fetch' }), repository.two);
    await switchTo('two');
    await switchTo('one', { undo: true });
    expect([head(), existsSync(join(repository.live, 'node_modules'))]).toEqual([repository.one.sha, false]);
  });

  it('fails when the installs of the version are nowhere', async () => {
    repository = makeRepository();
    await expect(switchTo('two')).rejects.toMatchObject({ type: 'ToolMissing' });
  });

  const places = () => join(repository.folder, 'installs.json');
  const begun = (stage: string) =>
    JSON.stringify({ node_modules: { live: repository.one.sha, none: [], move: { to: repository.two.sha, stage } } });
  const live = () => join(repository.live, 'node_modules');
  const staged = () => join(repository.step().staged(repository.two), 'node_modules');
  /** What the disk holds when the worker was killed, after each write and each rename. */
  const kills: [string, () => void][] = [
    ['before the first rename', () => writeFileSync(places(), begun('aside'))],
    ['after the live ones were taken aside', () => (takeAside(), writeFileSync(places(), begun('aside')))],
    ['after that was written down', () => (takeAside(), writeFileSync(places(), begun('in')))],
    [
      'after the new ones came in',
      () => (takeAside(), renameSync(staged(), live()), writeFileSync(places(), begun('in'))),
    ],
    ['half-way through removing the copied original', () => (copyAside(), writeFileSync(places(), begun('aside')))],
  ];
  function takeAside() {
    mkdirSync(join(repository.folder, 'replaced'), { recursive: true });
    renameSync(live(), keptPath(repository.one.sha));
  }
  function copyAside() {
    takeAside();
    mkdirSync(join(repository.live, 'node_modules.moved/half'), { recursive: true });
  }

  it.each(kills)('ends right when it was killed %s, and goes back from there', async (_when, prepare) => {
    for (const next of ['two', 'one'] as const) {
      repository = makeRepository();
      await adapter().fetch(repository.step({ step: 'fetch' }), repository.two);
      git(repository.live, 'checkout', '--quiet', '--detach', repository.two.sha);
      prepare();
      await switchTo(next, { undo: next === 'one' });
      expectLive(next === 'two' ? '2.0.0' : '1.0.0');
      if (next === 'two') await switchTo('one', { undo: true });
      expectLive('1.0.0');
      expect(existsSync(join(repository.live, 'node_modules.moved'))).toBe(false);
      if (next === 'two') repository.remove();
    }
  });

  it.runIf(existsSync('/dev/shm'))('moves installs between file systems', async () => {
    repository = makeRepository({}, '/dev/shm');
    await adapter().fetch(repository.step({ step: 'fetch' }), repository.two);
    await switchTo('two');
    expectLive('2.0.0');
    expect(readFileSync(join(keptPath(repository.one.sha), 'version'), 'utf8')).toBe('1.0.0\n');
    await switchTo('one', { undo: true });
    expectLive('1.0.0');
  });

  it('refuses changed tracked files by name, unless they are expected', async () => {
    repository = makeRepository({ expected_changes: ['docs'] });
    await adapter().fetch(repository.step({ step: 'fetch' }), repository.two);
    write(repository.live, { 'docs/notes.md': 'evidence\n', 'app.js': 'edited\n' });
    await expect(switchTo('two')).rejects.toMatchObject({
      type: 'Dirty',
      message: expect.stringContaining('app.js') as string,
    });
    expect([head(), read('app.js')]).toEqual([repository.one.sha, 'edited']);
    git(repository.live, 'checkout', '--quiet', '--', 'app.js');
    await switchTo('two');
    expect([head(), read('docs/notes.md')]).toEqual([repository.two.sha, 'evidence']);
  });

  it('does not replace an ignored file by one that the new version brings', async () => {
    repository = makeRepository();
    write(repository.live, { '.git/info/exclude': 'new.js\n', 'new.js': 'mine\n' });
    await adapter().fetch(repository.step({ step: 'fetch' }), repository.two);
    await expect(switchTo('two')).rejects.toMatchObject({
      type: 'Dirty',
      message: expect.stringContaining('new.js') as string,
    });
    expect([head(), read('new.js')]).toEqual([repository.one.sha, 'mine']);
  });

  it('begins the checkout that was written down, when the worker was lost before the command', async () => {
    repository = makeRepository();
    await adapter().fetch(repository.step({ step: 'fetch' }), repository.two);
    const { one, two, folder } = repository;
    writeFileSync(join(folder, 'checkout.json'), JSON.stringify({ from: one.sha, to: two.sha, by: 'switch do 1' }));
    expect((await switchTo('two')).changes).toHaveLength(1);
    expectLive('2.0.0');
  });

  it('refuses, after a checkout that was cut off, a file that is neither version', async () => {
    repository = makeRepository();
    await adapter().fetch(repository.step({ step: 'fetch' }), repository.two);
    const { one, two, folder } = repository;
    writeFileSync(join(folder, 'checkout.json'), JSON.stringify({ from: one.sha, to: two.sha, by: 'switch do 1' }));
    write(repository.live, { 'app.js': 'tw' });
    await expect(switchTo('two', { try: 2 })).rejects.toMatchObject({
      type: 'Dirty',
      message: expect.stringContaining('app.js') as string,
    });
    await expect(switchTo('one', { undo: true })).rejects.toMatchObject({ type: 'Dirty' });
    expect(read('app.js')).toBe('tw');
  });

  it.each(['two', 'one'] as const)(
    'ends a checkout that a power cut left half-way, and goes to version %s',
    async (next) => {
      repository = makeRepository();
      await adapter().fetch(repository.step({ step: 'fetch' }), repository.two);
      const { one, two, live: directory, folder } = repository;
      writeFileSync(join(folder, 'checkout.json'), JSON.stringify({ from: one.sha, to: two.sha, by: 'switch do 1' }));
      write(directory, { 'app.js': 'two\n', 'new.js': 'new\n' });
      rmSync(join(directory, 'old.js'));
      await switchTo(next, next === 'two' ? { try: 2 } : { undo: true });
      expectLive(next === 'two' ? '2.0.0' : '1.0.0');
      expect(existsSync(join(directory, 'old.js'))).toBe(next === 'one');
    },
  );

  it('is done by hand from a shell alone, with the lines that it gives', async () => {
    repository = makeRepository();
    await adapter().fetch(repository.step({ step: 'fetch' }), repository.two);
    const back = adapter().byHand(repository.step(), repository.one);
    const runByHand = (lines: string[]) =>
      execFileSync('sh', ['-eu'], { input: lines.join('\n'), cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] });
    runByHand(back);
    expectLive('1.0.0');
    await switchTo('two');
    runByHand(back);
    expectLive('1.0.0');
    runByHand(back);
    expectLive('1.0.0');
  });
});
