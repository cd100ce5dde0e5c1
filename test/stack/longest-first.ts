import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files of a minute and more, the longest first. */
const longest = [
  'systems/shop',
  'systems/undo-by-hand',
  'faults/undo-kill',
  'systems/fence',
  'systems/open',
  'systems/students',
  'faults/seeded-kills',
  'faults/running-command',
  'faults/worker-kill',
  'systems/compose',
  'activities/runtime/compose',
  'systems/bad-input',
  'systems/keep-ahead',
  'commands/no-worker',
  'systems/keeping',
  'activities/migrations/inside',
  'activities/data/postgres/kills',
  'activities/migrations/contract',
  'activities/data/sqlite/swap',
  'workflows/plan',
].map((name) => `test/${name}.test.ts`);

/** Known also where nothing ran before, as in a fresh checkout: no long file is alone at the end, with a processor that idles. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = (file: TestSpecification) => {
      const at = longest.indexOf(relative(this.ctx.config.root, file.moduleId));
      return at === -1 ? longest.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
