import type { CheckResult } from '../../model.js';
import { unasked, type StepContext } from '../context.js';
import type { Container } from './docker-state.js';

/**
 * Whether the volumes that hold data are there, and the running container has them: docker makes an empty one of a name that is not there,
 * and what a container keeps in itself is lost with it.
 */
export async function checkVolumes(
  context: StepContext,
  volumes: string[],
  where: string,
  running?: Container,
): Promise<CheckResult[]> {
  if (volumes.length === 0) return [];
  const problems: string[] = [];
  for (const volume of volumes) {
    const { exitCode } = await context.look({ argv: ['docker', 'volume', 'inspect', volume], ok: [0, 1] });
    const mounted = !running || running.mounts.some(({ name }) => name === volume);
    if (exitCode !== 0) problems.push(`there is no volume ${volume}`);
    else if (!mounted) problems.push(`${running.name} runs without ${volume}: what it writes is lost with it`);
  }
  const expected = running ? `${running.name} has ${volumes.join(', ')}` : `${volumes.join(', ')} are on this host`;
  return [unasked('volumes', problems.length === 0, expected, problems.join('; ') || 'as expected', where)];
}
