import { expect, it } from 'vitest';
import { readHistory } from '../../src/lib/history.js';
import { describeWithDocker, docker } from '../stack/docker.js';
import { withStudents, type StudentsSystem } from './students-system.js';

describeWithDocker('students in one container, which migrates SQLite in its volume when it starts', () => {
  it('are released, rehearsed on a copy, fail, come back with every row and the very image, and go back a release', async () => {
    await withStudents(async (system) => {
      const { go, home } = system;
      const released = await go('deploy', { version: '1.0.0', by: 'bob' });
      expect(released).toMatchObject({ outcome: 'deployed', reason: '', current: '1.0.0' });
      await enrol(system, 'Sofja');

      const rehearsed = await go('deploy', { version: '1.1.0', by: 'bob' });
      expect(rehearsed).toMatchObject({ outcome: 'deployed', reason: '', steps: expect.arrayContaining(['rehearse: done']) as string[] });
      expect(released.steps).toContain('rehearse: skipped');
      await enrol(system, 'Maryam');
      const before = [await data(system), image(system)];
      expect(before).toEqual([
        { students: ['Ada', 'Emmy', 'Grace', 'Sofja', 'Maryam'], grades: [1, 1.3, 1.7] },
        (await readHistory(home)).at(-1)?.current?.images?.students?.id,
      ]);

      const failed = await go('deploy', { version: '1.2.0', by: 'bob' });
      expect(failed).toMatchObject({ outcome: 'rolled-back', problem: 'CheckFailed', current: '1.1.0' });
      expect(failed.reason).toContain('login (systems/students.yaml:');
      expect([await data(system), image(system)]).toEqual(before);

      const back = await go('rollback', { by: 'bob' });
      expect(back).toMatchObject({ outcome: 'done', current: '1.0.0' });
      expect(await data(system)).toMatchObject({ grades: [1, 1.3, 1.7] });
    });
  }, 600_000);
});

async function enrol(system: StudentsSystem, name: string): Promise<void> {
  await ask(system, 'POST', '/api/v1/students', { name });
}

async function data(system: StudentsSystem): Promise<{ students: string[]; grades: number[] }> {
  const students = (await ask(system, 'GET', '/api/v1/students')) as { items: { name: string }[] };
  const grades = (await ask(system, 'GET', '/api/v1/grades')) as { items: { grade: number }[] };
  return { students: students.items.map(({ name }) => name), grades: grades.items.map(({ grade }) => grade) };
}

async function ask({ url, password }: StudentsSystem, method: string, path: string, body?: object): Promise<unknown> {
  const login = await call(url, 'POST', '/api/v1/auth/login', {}, { password });
  const { access_token } = login as { access_token: string };
  return call(url, method, path, { authorization: `Bearer ${access_token}` }, body);
}

async function call(url: string, method: string, path: string, headers: Record<string, string>, body?: object): Promise<unknown> {
  const answer = await fetch(`${url}${path}`, { method, headers: { connection: 'close', ...headers }, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

function image({ name }: StudentsSystem): string {
  return docker('inspect', '--format', '{{.Image}}', name);
}
