import type { CheckResult } from '../../../model.js';
import { unasked, type StepContext } from '../../context.js';
import type { Container } from '../docker-state.js';
import { shortId } from '../../source/images/docker.js';
import { openPorts } from '../listeners.js';
import { whoHolds } from '../wait-for-ports.js';
import { foreignOf, idsHere } from './foreign.js';
import { containersOf, type Project } from './project.js';

/** What compose would otherwise pull in the downtime. Images that a release builds or pulls itself have their own checks. */
export async function checkImagesHere(context: StepContext, project: Project, where: string): Promise<CheckResult> {
  const images = [...new Set(Object.values(foreignOf(context.definition, project)))];
  const here = await idsHere(context, images);
  const missing = images.filter((image) => !here.has(image));
  return unasked(
    'images-here',
    missing.length === 0,
    'the images that compose names are on this host',
    missing.length === 0
      ? images.map((image) => `${image} is ${shortId(here.get(image) ?? '')}`).join(', ') || 'it names none'
      : missing.map((image) => `${image} is gone: docker pull ${image}`).join(', '),
    where,
  );
}

/** Taken by ourselves, free, or in the way. */
export async function checkPorts(context: StepContext, project: Project, where: string): Promise<CheckResult> {
  // Of other services, too: the version that runs may have them where the next one has ours.
  const { ours, others } = await containersOf(context, project.ours);
  const taken = await takenPorts(project, [...ours, ...others]);
  return unasked(
    'ports',
    taken.length === 0,
    'published ports are free or our own',
    taken.length > 0 ? await holdersOf(context, taken) : project.ports.join(', ') || 'none is published',
    where,
  );
}

/** `port 8100: app-web-1 of project app`; where no container publishes it, the process that listens. */
export async function holdersOf(context: StepContext, ports: number[]): Promise<string> {
  const format = '{{.Names}}{{with .Label "com.docker.compose.project"}} of project {{.}}{{end}}';
  const told = ports.map(async (port) => {
    const argv = ['docker', 'ps', '--filter', `publish=${port}`, '--format', format];
    const [holder] = ((await context.look({ argv })).stdout ?? '').split('\n');
    return holder ? `port ${port}: ${holder}` : whoHolds([port]);
  });
  return (await Promise.all(told)).join(', ');
}

/** Ports that the project publishes and somebody else holds. */
export async function takenPorts({ ports }: Project, ours: Container[]): Promise<number[]> {
  const held = ours.filter(({ running }) => running).flatMap((one) => one.ports);
  return openPorts(ports.filter((port) => !held.includes(port)));
}
