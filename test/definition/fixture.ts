import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A small definition without errors; the number of a line is what the messages of the tests name. */
export const shop = `system: shop
environments:
  production:
    host: localhost
    directory: /srv/shop
    env_file: .env
    url: http://localhost:8080
source:
  git: { version_file: VERSION }
runtime:
  processes:
    start: [bin/start]
    stop: [bin/stop]
    ports: [8080]
  open: at_start
database:
  postgres: { url: $DATABASE_URL }
migrations:
  sequelize: {}
verify:
  health: { http: /health, expect: 200 }
gates:
  go: { roles: [ops] }
`;

/** Runs `use` with a `systems` folder that holds these files (`../people.yaml` lies beside it), and removes it. */
export async function inSystems<T>(files: Record<string, string>, use: (dir: string) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'definition-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = join(root, 'systems', name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    }
    return await use(join(root, 'systems'));
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** The text with one part replaced, which must be there. */
export function edited(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`the fixture has no ${JSON.stringify(from)}`);
  return text.replace(from, () => to);
}
