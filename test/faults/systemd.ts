import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { dataConverter } from '../../src/codec/data-converter.js';
import { freePort } from '../../src/lib/server-process.js';
import { commit, git } from '../activities/source/repository.js';
import { baseImage, docker, uniqueName } from '../stack/docker.js';
import { ending, makeNamespace, until } from '../systems/stand.js';

const image = 'slipway-systemd:bookworm';
const project = fileURLToPath(new URL('../../', import.meta.url));
const unit = 'slipway-worker';

/** It waits, as a migration in its middle would, for as long as there is a file `hold`; what it starts answers on the port. */
const start = `echo "$(cat VERSION) $$" >>../ledger
while test -e ../hold; do touch ../held; sleep 0.1; done
setsid nohup python3 -m http.server --bind 127.0.0.1 "$1" >../log 2>&1 </dev/null &
echo $! >../pid
`;

/** The shipped unit under a real systemd, in a container: what of its promises does not hold, one line each. */
export async function runUnderSystemd({
  temporal,
  say,
}: {
  temporal: string;
  say: (line: string) => void;
}): Promise<string[]> {
  // prettier-ignore
  const folder = mkdtempSync(join(tmpdir(), 'slipway-systemd-'));
  const name = uniqueName();
  const namespace = `systemd-${randomUUID().slice(0, 8)}`;
  const connection = await Connection.connect({ address: temporal });
  const inside = (...argv: string[]) => docker('exec', name, ...argv);
  const mainPid = () => inside('systemctl', 'show', '--property=MainPID', '--value', unit);
  const runs = (pid: string) => inside('sh', '-c', `kill -0 ${pid} 2>/dev/null && echo yes || true`) === 'yes';
  const faults: string[] = [];
  const demand = (holds: boolean, fault: string) => void (holds || faults.push(fault));
  try {
    await makeNamespace(connection, namespace);
    makeImage();
    await makeSystem(folder, [`TEMPORAL_ADDRESS=${temporal}`, `TEMPORAL_NAMESPACE=${namespace}`]);
    boot(name, folder);
    await until(async () => /running|degraded/.test(inside('sh', '-c', 'systemctl is-system-running || true')));
    say(`systemd: ${inside('systemctl', '--version').split('\n')[0]}`);
    inside('systemctl', 'daemon-reload');
    inside('systemctl', 'enable', '--now', unit);
    const client = new Client({ connection, namespace, dataConverter });
    const deploy = (version: string): Promise<WorkflowHandle> =>
      client.workflow.start('deploy', { taskQueue: 'slipway', workflowId: 'unit/local', args: [{ version, by: 'ann' }], workflowIdConflictPolicy: 'FAIL' }); // prettier-ignore
    const first = await ending(await deploy('1.0.0'));
    demand(first.outcome === 'deployed', `the first release ended ${first.outcome}: ${first.reason}`);

    writeFileSync(join(folder, 'hold'), '');
    const handle = await deploy('2.0.0');
    await until(async () => existsSync(join(folder, 'held')));
    const [, command = ''] = readFileSync(join(folder, 'ledger'), 'utf8').trim().split('\n').at(-1)!.split(' ');
    const before = mainPid();
    inside('systemctl', 'restart', unit);
    demand(mainPid() !== before, 'systemctl restart left the same worker');
    if (!runs(command)) return [...faults, 'a live command did not outlive the restart of its worker'];
    rmSync(join(folder, 'hold'));
    const second = await ending(handle);
    demand(second.outcome === 'deployed', `the release over a restart ended ${second.outcome}: ${second.reason}`);
    const started = readFileSync(join(folder, 'ledger'), 'utf8').split('\n').filter((line) => line.startsWith('2.0.0')); // prettier-ignore
    demand(started.length === 1, `2.0.0 was started ${started.length} times`);

    const application = readFileSync(join(folder, 'pid'), 'utf8').trim();
    inside('systemctl', 'restart', unit);
    demand(runs(application), 'a started application did not outlive the restart of the worker');
    const killed = mainPid();
    inside('systemctl', 'kill', '--signal=KILL', '--kill-who=main', unit);
    await until(async () => !['0', killed].includes(mainPid())).catch(() => faults.push('a killed worker did not come back')); // prettier-ignore
    demand(runs(application), 'a started application did not outlive the death of the worker');
    if (faults.length > 0) say(inside('journalctl', '--no-pager', '--lines=20', `--unit=${unit}`));
    return faults;
  } finally {
    try {
      docker('rm', '--force', name);
    } catch {
      // It was never made.
    }
    const client = new Client({ connection, namespace, dataConverter });
    await client.workflow.getHandle('unit/local').terminate('end of the test').catch(() => undefined); // prettier-ignore
    await connection.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeImage(): void {
  if (docker('images', '--quiet', image) !== '') return;
  const folder = mkdtempSync(join(tmpdir(), 'slipway-systemd-image-'));
  const packages = 'apt-get install -y -qq --no-install-recommends systemd systemd-sysv git';
  writeFileSync(join(folder, 'Dockerfile'), `FROM ${baseImage}\nRUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive ${packages}\n`); // prettier-ignore
  docker('build', '--quiet', '--tag', image, folder);
  rmSync(folder, { recursive: true });
}

async function makeSystem(folder: string, settings: string[]): Promise<void> {
  const [origin, live, systems] = [join(folder, 'origin'), join(folder, 'live'), join(folder, 'systems')];
  const port = await freePort();
  mkdirSync(origin);
  mkdirSync(systems);
  git(origin, 'init', '--quiet', '--initial-branch=main');
  for (const version of ['1.0.0', '2.0.0']) {
    commit(origin, { VERSION: `${version}\n`, 'start.sh': start, 'stop.sh': 'kill $(cat ../pid)\n' });
    git(origin, 'tag', '-a', `v${version}`, '-m', version);
  }
  git(folder, 'clone', '--quiet', origin, live);
  git(live, 'checkout', '--quiet', '--detach', 'v1.0.0');
  const definition = `system: unit
environments:
  local: { host: ${hostname()}, directory: ${live}, url: "http://127.0.0.1:${port}" }
source:
  git: { version_file: VERSION }
runtime:
  processes: { start: [sh, start.sh, "${port}"], stop: [sh, stop.sh], ports: [${port}] }
  open: at_start
gates: { go: none, sign-off: none }
verify:
  version: { http: /VERSION, expect: { status: 200, text: "{version}" } }
`;
  writeFileSync(join(systems, 'unit.yaml'), definition);
  writeFileSync(join(folder, 'people.yaml'), readFileSync(join(project, 'examples/shop/people.yaml')));
  writeFileSync(join(folder, 'worker.env'), [...settings, `SLIPWAY_STATE=${join(folder, 'state')}`, ''].join('\n'));
  writeFileSync(join(folder, 'slipway'), `#!/bin/sh\nexec /usr/local/bin/node ${project}dist/client.js "$@"\n`);
  chmodSync(join(folder, 'slipway'), 0o755);
}

/** With no more rights than systemd needs, and the host's network, where Temporal is. */
function boot(name: string, folder: string): void {
  const mounts = [
    `${project}:${project}:ro`,
    `${folder}:${folder}`,
    `${process.execPath}:/usr/local/bin/node:ro`,
    `${join(folder, 'slipway')}:/usr/local/bin/slipway:ro`,
    `${join(folder, 'systems')}:/etc/slipway/systems:ro`,
    `${join(folder, 'people.yaml')}:/etc/slipway/people.yaml:ro`,
    `${join(folder, 'worker.env')}:/etc/slipway/worker.env:ro`,
    `${join(project, 'examples/systemd', `${unit}.service`)}:/etc/systemd/system/${unit}.service:ro`,
    '/sys/fs/cgroup:/sys/fs/cgroup',
  ].flatMap((mount) => ['--volume', mount]);
  const rights = ['--cap-add', 'SYS_ADMIN', '--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined']; // prettier-ignore
  const places = ['--tmpfs', '/run', '--tmpfs', '/run/lock', '--env', 'container=docker', '--network', 'host'];
  docker('run', '--detach', '--name', name, ...rights, ...places, ...mounts, image, '/lib/systemd/systemd');
}
