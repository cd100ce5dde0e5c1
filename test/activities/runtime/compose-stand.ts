import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../src/lib/server-process.js';
import type { Definition } from '../../../src/model.js';
import { baseImage, removeAll, uniqueName } from '../../stack/docker.js';
import { definitionOf, stepContext, type TestStep } from '../step-context.js';

/** A compose project of its own: `web` answers on a port, `db` is what no release touches. */
export interface ComposeStand {
  directory: string;
  project: string;
  port: number;
  /** Writes compose.yaml; `web` are further lines of that service. */
  compose(options?: { web?: string; more?: string }): void;
  step(
    at?: Partial<TestStep['at']>,
    settings?: Partial<NonNullable<Definition['runtime']['compose']>>,
    run?: string,
  ): TestStep;
  env(lines: Record<string, string>): void;
  remove(): void;
}

/** Answers every request with its own start time and its variables, and ends at SIGTERM after SLOW seconds. */
const server = `
import http.server, json, os, signal, sys, time
def stop(*_):
    time.sleep(float(os.environ.get('SLOW', '0'))); sys.exit(0)
signal.signal(signal.SIGTERM, stop)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(dict(os.environ)).encode()
        self.send_response(200); self.send_header('content-length', str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
print('serving', flush=True)
http.server.ThreadingHTTPServer(('0.0.0.0', 8000), Handler).serve_forever()
`;

export async function makeComposeStand(): Promise<ComposeStand> {
  const project = uniqueName();
  const directory = mkdtempSync(join(tmpdir(), `${project}-`));
  const port = await freePort();
  writeFileSync(join(directory, 'server.py'), server);
  const stand: ComposeStand = {
    directory,
    project,
    port,
    compose: ({ web = '', more = '' } = {}) =>
      writeFileSync(
        join(directory, 'compose.yaml'),
        `services:
  web:
    image: ${baseImage}
    command: [python3, -u, /srv/server.py]
    volumes: [./server.py:/srv/server.py:ro]
    ports: ["127.0.0.1:${port}:8000"]
    depends_on: [db]
    stop_grace_period: 30s
${web}
  db:
    image: ${baseImage}
    command: [sleep, infinity]
    stop_grace_period: 0s
${more}
`,
      ),
    step: (at, settings = {}, run = 'run') =>
      stepContext({
        definition: definitionOf(directory, {
          // Images are pinned under its name.
          environment: `${project}/test`,
          env_file: '.env',
          runtime: {
            compose: { project, services: ['web'], observeMs: 300, timeoutMs: 60_000, ...settings },
            open: 'at_start',
          },
        }),
        folder: join(directory, 'runs', run),
        home: directory,
        env: join(directory, '.env'),
        at: { step: 'start', ...at },
        previous: { version: '1.0.0', sha: '1'.repeat(40) },
      }),
    env: (lines) =>
      writeFileSync(
        join(directory, '.env'),
        Object.entries(lines)
          .map(([name, value]) => (value.includes("'") ? `${name}="${value}"\n` : `${name}='${value}'\n`))
          .join(''),
      ),
    remove: () => {
      removeAll(project);
      rmSync(directory, { recursive: true, force: true });
    },
  };
  stand.env({});
  stand.compose();
  return stand;
}
