import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { publishedPorts } from '../../src/definition/compose-files.js';

describe('the ports that compose files publish', () => {
  const folder = mkdtempSync(join(tmpdir(), 'compose-files-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each<[string, string, string[]]>([
    ['both ports', '"8080:80"', ['8080']],
    ['a number that YAML 1.1 would take for a time', '22:22', ['22']],
    ['an address of this host', '"127.0.0.1:8080:80"', ['8080']],
    ['an address of its own', '"10.0.0.2:8080:80"', ['10.0.0.2:8080']],
    ['a range, and a protocol', '"53-54:53-54/udp"', ['53/udp', '54/udp']],
    ['a map', '{ published: "8443", target: 443, host_ip: 0.0.0.0 }', ['8443']],
    ['a variable', '"${PORT}:80", "$OTHER:81"', ['8300']],
    ['a variable with a default', '"${UNSET:-8400}:80", "${EMPTY:-8500}:80"', ['8400', '8500']],
    ['any free port', '"80", { target: 80 }', []],
  ])('%s', (_, ports, published) => {
    writeFileSync(join(folder, 'compose.yaml'), `services: { web: { ports: [${ports}] } }\n`);
    const values: Record<string, string> = { PORT: '8300', EMPTY: '' };
    expect(publishedPorts(folder, settings(), (name) => values[name])).toEqual(published);
  });

  it('are those of all its files, and of the profiles that are on', () => {
    const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
    write(
      'base.yaml',
      `x-web: &web { ports: ["1:1"] }
services:
  web: *web
  old: { <<: *web, ports: ["2:2"] }
  debug: { ports: ["3:3"], profiles: [debug] }
  secure: { ports: ["4:4"], profiles: [secure] }
`,
    );
    write('more.yaml', 'services: { web: { ports: ["5:5"] }, old: { ports: !override ["6:6"] }, gone: }\n');
    const read = (files: string[]) =>
      publishedPorts(folder, settings({ files, profiles: ['secure'] }), () => undefined);
    expect(read(['base.yaml'])).toEqual(['1', '2', '4']);
    expect(read(['base.yaml', 'more.yaml'])).toEqual(['1', '5', '6', '4']);
    expect(read(['nowhere.yaml'])).toEqual([]);
    write('broken.yaml', 'services: [\n');
    expect(read(['broken.yaml'])).toEqual([]);
  });

  function settings(more: Partial<Parameters<typeof publishedPorts>[1]> = {}): Parameters<typeof publishedPorts>[1] {
    return { observeMs: 0, timeoutMs: 0, ...more };
  }
});
