import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { runLook } from '../../src/lib/docker-engine.js';
import { Redactor } from '../../src/lib/secret.js';
import { baseImage, describeWithDocker, docker, removeAll, uniqueName } from '../stack/docker.js';

describeWithDocker('a look at the docker engine', () => {
  /** Where the client is no program, only the engine itself can have answered. */
  const look = (argv: string[], env: Record<string, string> = {}) =>
    runLook({
      argv: ['docker', ...argv],
      cwd: '/',
      env: { PATH: '/none', ...env },
      deadlineMs: 10_000,
      redactor: new Redactor([]),
    });

  it('is answered by the engine itself as its client would print it', async () => {
    const name = uniqueName();
    onTestFinished(() => removeAll(name));
    const ids = ['a', 'b'].map((end) =>
      docker('create', '--name', `${name}-${end}`, '--label', `of=${name}`, baseImage, 'true'),
    );
    for (const argv of [
      ['ps', '--all', '--quiet'],
      ['ps', '--all', '--quiet', '--no-trunc'],
      ['ps', '--quiet'],
    ]) {
      const asked = [...argv, '--filter', `label=of=${name}`, '--filter', `name=^/?${name}`];
      expect((await look(asked)).stdout?.trim(), argv.join(' ')).toBe(docker(...asked));
    }
    const printed = (text = '') =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const containers = ['container', 'inspect', '--format', '{{json .}}', `${name}-a`, ids[1] ?? ''];
    const image = ['image', 'inspect', '--format', '{{json .}}', baseImage];
    for (const argv of [containers, image]) {
      const told = (text?: string) => printed(text).map(({ Id, Created, State }) => ({ Id, Created, State }));
      expect(told((await look(argv)).stdout)).toEqual(told(docker(...argv)));
    }
    const gone = await look(['container', 'inspect', '--format', '{{json .}}', `${name}-c`, `${name}-b`]);
    expect(gone).toMatchObject({
      exitCode: 1,
      tail: expect.stringContaining(`No such container: ${name}-c`) as string,
    });
    expect(printed(gone.stdout)).toMatchObject([{ Id: ids[1] }]);
    const none = await look(['image', 'inspect', '--format', '{{json .}}', `${name}/none:1`]);
    expect(none).toMatchObject({ exitCode: 1, stdout: '', tail: expect.stringMatching(/no such image/i) as string });
  });

  it('is left to the client where that would ask another engine, or for more', async () => {
    const home = mkdtempSync(join(tmpdir(), 'slipway-home-'));
    onTestFinished(() => rmSync(home, { recursive: true }));
    mkdirSync(join(home, '.docker'));
    const settings = (content: string) => writeFileSync(join(home, '.docker', 'config.json'), content);
    const asked = ['ps', '--quiet'];
    settings('{"currentContext":"default"}');
    await expect(look(asked, { HOME: home })).resolves.toMatchObject({ exitCode: 0 });
    const byClient = { type: 'ToolMissing', message: expect.stringContaining('docker') as string };
    for (const name of ['DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_CONFIG'])
      await expect(look(asked, { [name]: home }), name).rejects.toMatchObject(byClient);
    for (const content of ['{"currentContext":"rootless"}', 'no JSON']) {
      settings(content);
      await expect(look(asked, { HOME: home })).rejects.toMatchObject(byClient);
    }
    for (const argv of [
      ['ps'],
      ['ps', '--quiet', '--last', '1'],
      ['ps', '--quiet', '--filter', 'ancestor=x'],
      ['container', 'inspect', 'x'],
    ])
      await expect(look(argv), argv.join(' ')).rejects.toMatchObject(byClient);
  });
});
