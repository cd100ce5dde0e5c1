import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/lib/server-process.js';
import { commit, git } from '../activities/source/repository.js';
import { baseImage, removeAll, uniqueName } from '../stack/docker.js';
import { serve, type Served } from './serve.js';

/** A system in compose, built into images: `app` behind a `proxy` that keeps the address it once looked up. 3.0.0 is broken. */
export interface ComposeSystem extends Served {
  /** Of the compose project and the images. */
  name: string;
  url: string;
  /** The live checkout. */
  directory: string;
}

const server = `
import http.server, json, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
version = open('/srv/VERSION').read().strip()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        broken = version == '3.0.0' and self.path == '/work'
        body = json.dumps({'version': version, 'token': os.environ['TOKEN']}).encode()
        self.send_response(500 if broken else 200)
        self.send_header('content-length', str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
listener = http.server.ThreadingHTTPServer(('0.0.0.0', 8000), Handler)
print('serving', version, flush=True)
listener.serve_forever()
`;

const proxy = `
import http.server, signal, socket, sys, time, urllib.error, urllib.request
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    try: address = socket.gethostbyname('app'); break
    except OSError: time.sleep(0.1)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try: answer = urllib.request.urlopen(f'http://{address}:8000{self.path}', timeout=2)
        except urllib.error.HTTPError as error: answer = error
        except OSError: return self.send_error(502)
        body = answer.read()
        self.send_response(answer.status)
        self.send_header('content-length', str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(('0.0.0.0', 8000), Handler).serve_forever()
`;

export interface ComposeSettings {
  definition?: (yaml: string) => string;
  /** Lines of the env file beside its own. */
  env?: string;
  /** `host:port`. @default the suite's */
  temporal?: string;
}

export async function withComposeSystem(use: (system: ComposeSystem) => Promise<void>, settings: ComposeSettings = {}): Promise<void> {
  const { env = '', temporal } = settings;
  const name = uniqueName();
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const [origin, directory, systems, state] = ['origin', 'live', 'systems', 'state'].map((part) => join(folder, part)) as [string, string, string, string];
  const port = await freePort();
  makeOrigin(origin, name, port);
  git(folder, 'clone', '--quiet', origin, directory);
  git(directory, 'checkout', '--quiet', '--detach', 'HEAD~3');
  writeFileSync(join(directory, '.env'), `TOKEN='a$b\${c}"d'\n${env}`, { mode: 0o600 });
  mkdirSync(systems);
  cpSync(new URL('../../examples/shop/people.yaml', import.meta.url), join(folder, 'people.yaml'));
  const yaml = definition(name, directory, port);
  writeFileSync(join(systems, `${name}.yaml`), settings.definition?.(yaml) ?? yaml);
  const served = await serve(`${name}/local`, { systems, state }, temporal);
  try {
    await use({ ...served, name, directory, url: `http://127.0.0.1:${port}` });
  } finally {
    await served.close();
    removeAll(name);
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeOrigin(origin: string, name: string, port: number): void {
  mkdirSync(origin);
  git(origin, 'init', '--quiet', '--initial-branch=main');
  commit(origin, { '.gitignore': '.env\n' });
  const compose = `services:
  app:
    image: ${name}/app:live
    build: .
    environment: { TOKEN: "\${TOKEN}" }
    volumes: [checks:/checks]
  proxy:
    image: ${baseImage}
    command: [python3, -u, /srv/proxy.py]
    volumes: [./proxy.py:/srv/proxy.py:ro]
    ports: ["127.0.0.1:${port}:8000"]
    depends_on: [app]
volumes: { checks: }
`;
  const Dockerfile = `FROM ${baseImage}\nCOPY VERSION server.py /srv/\nCMD ["python3", "-u", "/srv/server.py"]\n`;
  for (const version of ['1.0.0', '2.0.0', '3.0.0']) {
    commit(origin, { VERSION: `${version}\n`, 'server.py': server, 'proxy.py': proxy, 'compose.yaml': compose, Dockerfile });
    git(origin, 'tag', '-a', `v${version}`, '-m', version);
  }
}

/** `held` waits in its container while /checks/hold is there; `inside` waits in its container, but in 1.0.0, until /checks/go is there. */
function definition(name: string, directory: string, port: number): string {
  return `system: ${name}
environments:
  local: { host: localhost, directory: ${directory}, env_file: .env, url: "http://127.0.0.1:${port}" }
source:
  git: { version_file: VERSION }
  images:
    app: { name: ${name}/app, build: . }
runtime:
  compose: { project: ${name}, services: [app, proxy], observe: 1s, timeout: 1m }
  open: at_start
gates: { go: none, sign-off: none, rollback: { roles: [release-manager] } }
preflight:
  held: { command: [sh, -c, "test ! -e /checks/hold || sleep 299"], in: app }
verify:
  inside:
    command: [sh, -c, 'echo $$ >>/checks/pids; [ $(cat /srv/VERSION) = 1.0.0 ] || test -e /checks/go || sleep 300; cat /srv/VERSION']
    in: app
    within: 2m
    expect: { stdout: "{version}" }
  health: { http: /health, expect: { status: 200, json: { version: "{version}" } } }
  log: { logs: app, expect: { contains: { matches: "^serving {version}$" }, lacks: Traceback } }
  works: { http: /work, within: 2s, expect: 200 }
on_failure: rollback
`;
}
