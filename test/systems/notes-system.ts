import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/lib/server-process.js';
import { commit, git } from '../activities/source/repository.js';
import { serve, type Served } from './serve.js';

/** Notes with pictures: a SQLite file and a tree of uploads in the checkout, served by host processes. 3.0.0 spoils both before it is found out. */
export interface NotesSystem extends Served {
  directory: string;
  /** All that was ever noted: SQLite's dump, and each upload with its hash. */
  shown(): string;
  /** As a user does. */
  note(text: string): Promise<void>;
  /** Makes each Python program that is called with that word wait: what reads and copies data when its work is done, any other before it begins. */
  hold(word: string): { inside: () => boolean; release: () => void };
}

const server = `
import http.server, json, os, sqlite3, sys
version = open('VERSION').read().strip()
db = sqlite3.connect('data/notes.db', isolation_level=None, check_same_thread=False, timeout=10)
db.execute('PRAGMA journal_mode = WAL')
db.execute('CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT, upload TEXT)')
if version == '3.0.0':
    db.execute("UPDATE notes SET text = upper(text)")
    db.execute("ALTER TABLE notes ADD COLUMN lost TEXT")
    for name in os.listdir('uploads'): open('uploads/' + name, 'a').write(' spoilt')
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        notes = db.execute('SELECT count(*), max(text = upper(text)) FROM notes').fetchone()
        self.answer({'version': version, 'notes': notes[0], 'shouts': bool(notes[1])})
    def do_POST(self):
        text = self.rfile.read(int(self.headers['content-length'])).decode()
        number = db.execute('INSERT INTO notes (text) VALUES (?)', [text]).lastrowid
        name = f'{number}.txt'
        open('uploads/' + name, 'w').write(text)
        db.execute('UPDATE notes SET upload = ? WHERE id = ?', [name, number])
        self.answer({'id': number})
    def answer(self, found):
        body = json.dumps(found).encode()
        self.send_response(200); self.send_header('content-length', str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
`;

/** What lets users in: it passes on what it is asked. */
const proxy = `
import http.server, sys, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.pass_on(None)
    def do_POST(self): self.pass_on(self.rfile.read(int(self.headers['content-length'])))
    def pass_on(self, body):
        answer = urllib.request.urlopen(f'http://127.0.0.1:{sys.argv[2]}{self.path}', body).read()
        self.send_response(200); self.send_header('content-length', str(len(answer))); self.end_headers(); self.wfile.write(answer)
    def log_message(self, *_): pass
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
`;

/** Python runs it at the start of each program. */
const holding = `
import atexit, os, sys, time
words = [os.path.basename(word) for word in sys.orig_argv[1:]]
def wait():
    for path in [os.path.join(os.path.dirname(__file__), word) for word in words]:
        while os.path.exists(path):
            open(path + '.in', 'w').close()
            time.sleep(0.02)
if {'sqlite.py', 'tree.py'} & set(words): atexit.register(wait)
else: wait()
`;

const script = `
case $1 in
  start) setsid python3 server.py $3 </dev/null >>server.log 2>&1 & echo $! >server.pid ;;
  open) setsid python3 proxy.py $2 $3 </dev/null >>proxy.log 2>&1 & echo $! >proxy.pid ;;
  stop) kill $(cat proxy.pid server.pid) 2>/dev/null; rm -f proxy.pid server.pid ;;
  close) kill $(cat proxy.pid) 2>/dev/null; rm -f proxy.pid ;;
esac
`;

/** @param address Temporal's `host:port`. @default the suite's. @param more Further lines of its definition. */
export async function withNotes(use: (system: NotesSystem) => Promise<void>, address?: string, more = ''): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-notes-'));
  const [origin, directory, systems, state] = ['origin', 'live', 'systems', 'state'].map((part) => join(folder, part)) as [string, string, string, string];
  const [port, inner] = [await freePort(), await freePort()];
  makeOrigin(origin);
  git(folder, 'clone', '--quiet', origin, directory);
  git(directory, 'checkout', '--quiet', '--detach', 'HEAD~1');
  for (const name of ['data', 'uploads']) mkdirSync(join(directory, name));
  const holds = join(folder, 'holds');
  mkdirSync(holds);
  writeFileSync(join(holds, 'sitecustomize.py'), holding);
  writeFileSync(join(directory, '.env'), `PYTHONPATH=${holds}\n`);
  writeFileSync(join(directory, 'data', 'notes.db'), '');
  mkdirSync(systems);
  cpSync(new URL('../../examples/shop/people.yaml', import.meta.url), join(folder, 'people.yaml'));
  writeFileSync(join(systems, 'notes.yaml'), definition(directory, port, inner) + more);
  const served = await serve('notes/local', { systems, state }, address);
  try {
    await use({
      ...served,
      directory,
      shown: () =>
        execFileSync('sh', ['-c', 'sqlite3 data/notes.db .dump; ls uploads; cat uploads/*'], { cwd: directory, encoding: 'utf8' }),
      note: async (text) => {
        const answer = await fetch(`http://127.0.0.1:${port}/notes`, { method: 'POST', body: text });
        if (!answer.ok) throw new Error(`a note was answered ${answer.status}`);
      },
      hold: (word) => {
        const path = join(holds, word);
        rmSync(`${path}.in`, { force: true });
        writeFileSync(path, '');
        return { inside: () => existsSync(`${path}.in`), release: () => rmSync(path) };
      },
    });
  } finally {
    await served.close();
    spawnSync('sh', ['run.sh', 'stop'], { cwd: directory });
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeOrigin(origin: string): void {
  mkdirSync(origin);
  git(origin, 'init', '--quiet', '--initial-branch=main');
  for (const version of ['2.0.0', '3.0.0']) {
    const files = { VERSION: `${version}\n`, 'server.py': server, 'proxy.py': proxy, 'run.sh': script, '.gitignore': 'data/\nuploads/\n.env\n*.log\n*.pid\n__pycache__/\n' };
    commit(origin, files);
    git(origin, 'tag', '-a', `v${version}`, '-m', version);
  }
}

function definition(directory: string, port: number, inner: number): string {
  const run = (what: string) => `[sh, run.sh, ${what}, "${port}", "${inner}"]`;
  return `system: notes
environments:
  local: { host: localhost, directory: ${directory}, env_file: .env, url: "http://127.0.0.1:${port}" }
source:
  git: { version_file: VERSION }
runtime:
  processes: { start: ${run('start')}, stop: ${run('stop')}, ports: [${inner}] }
  open: { open: ${run('open')}, close: ${run('close')}, closed_url: "http://127.0.0.1:${inner}" }
database:
  sqlite: { file: data/notes.db }
files: { keep: [uploads] }
gates: { go: none, sign-off: none, rollback: { roles: [release-manager] } }
verify:
  health: { http: /health, expect: { status: 200, json: { version: "{version}", shouts: false } } }
on_failure: rollback
rollback: { restore: always }
`;
}
