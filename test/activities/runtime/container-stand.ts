import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../src/lib/server-process.js';
import type { Definition } from '../../../src/model.js';
import { baseImage, docker, removeAll, uniqueName } from '../../stack/docker.js';
import { definitionOf, stepContext, type TestStep } from '../step-context.js';

/** One container that scripts run, as many systems do it. */
export interface ContainerStand {
  directory: string;
  /** Of the container, its image and its volume. */
  name: string;
  port: number;
  /** Replaces a script; `$1` and all else are its own. */
  script(which: 'start' | 'stop', text: string): void;
  step(at?: Partial<TestStep['at']>, settings?: Partial<NonNullable<Definition['runtime']['container']>>): TestStep;
  remove(): void;
}

/** The entrypoint notes each start in the volume, as one that migrates would. */
const dockerfile = `FROM ${baseImage}
RUN printf '#!/bin/sh\\necho started >>/data/starts\\nexec "$@"\\n' >/entrypoint && chmod 755 /entrypoint
ENTRYPOINT ["/entrypoint"]
CMD ["sh", "-c", "if [ -n \\"$DIES\\" ]; then sleep 1; echo no room left; exit $DIES; fi; exec python3 -u -m http.server 8000"]
`;

export async function makeContainerStand(): Promise<ContainerStand> {
  const name = uniqueName();
  const directory = mkdtempSync(join(tmpdir(), `${name}-`));
  const port = await freePort();
  writeFileSync(join(directory, 'Dockerfile'), dockerfile);
  docker('build', '--quiet', '--tag', `${name}:1`, directory);
  const script = (which: string, text: string) => writeFileSync(join(directory, `${which}.sh`), `set -eu\n${text}\n`);
  script(
    'start',
    `if [ "$(docker inspect --format '{{.State.Running}}' ${name} 2>/dev/null)" = true ]; then echo already running; exit 0; fi
docker rm --force ${name} >/dev/null 2>&1 || true
docker run --detach --init --stop-timeout 1 --name ${name} --env DIES --env TOKEN --volume ${name}:/data --publish 127.0.0.1:${port}:8000 ${name}:1`,
  );
  script('stop', `docker stop ${name} && docker rm ${name}`);
  writeFileSync(join(directory, '.env'), `TOKEN='a$b"c'\n`);
  const container = {
    name,
    start: ['sh', 'start.sh'],
    stop: ['sh', 'stop.sh'],
    ports: [port],
    observeMs: 500,
    timeoutMs: 20_000,
  };
  return {
    directory,
    name,
    port,
    script,
    step: (at, settings) =>
      stepContext({
        definition: definitionOf(directory, {
          env_file: '.env',
          runtime: { container: { ...container, ...settings }, open: 'at_start' },
        }),
        folder: join(directory, 'run'),
        home: directory,
        env: join(directory, '.env'),
        at: { step: 'start', ...at },
        previous: { version: '1.0.0', sha: '1'.repeat(40) },
      }),
    remove: () => {
      removeAll(name);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
