import { fail } from '../../../errors.js';
import { allEnded } from '../../../lib/all-ended.js';
import { quoted, shellLine } from '../../../lib/shell-line.js';
import type { Definition, Release, StepResult } from '../../../model.js';
import type { StepContext } from '../../context.js';
import type { Source } from '../contract.js';
import { git } from '../git.js';
import { checkImages } from './checks.js';
import { inspectImage, shortId } from './docker.js';
import { identityOf, knownImages } from './known.js';
import { listImageFolder, readImageTexts } from './list.js';
import { imageRecord, pinOf, servicesOf, tagOf } from './names.js';
import { runningRecord } from './running.js';
import { buildArgv, keepPrevious, stageImages } from './stage.js';
import { pointTags } from './tags.js';

/**
 * Versions are images, with the commit of the same name where there is Git, too. They are built or pulled before the downtime, and run
 * and recorded by id: a tag is only what people and scripts call them.
 */
export const images: Source = {
  resolve: resolveImages,
  running: runningRelease,

  async preflight(context, release) {
    const code = isGit(context) ? git.preflight(context, release) : [];
    return (await allEnded([code, checkImages(context, release)])).flat();
  },

  async fetch(context, release) {
    const code = isGit(context) ? await git.fetch(context, release) : {};
    const [staged] = await allEnded([stageImages(context, release), keepPrevious(context)]);
    const ids = Object.entries(staged).map(([service, { id }]) => `${service} ${shortId(id)}`);
    const note = [code.note ?? release.version, ...ids].join(', ');
    return { note, data: { ...code.data, images: staged } };
  },

  async list(context, release, folder) {
    return isGit(context) ? git.list(context, release, folder) : listImageFolder(context, release, folder);
  },

  async texts(context, release, folder, wanted) {
    return isGit(context)
      ? git.texts(context, release, folder, wanted)
      : readImageTexts(context, release, folder, wanted);
  },

  async switch(context, release): Promise<StepResult> {
    const code = isGit(context) ? await git.switch(context, release) : { data: { sha: release.sha } };
    const pointed = await pointTags(context, release);
    return {
      ...code,
      note: [...(code.note ? [code.note] : []), ...pointed].join(', ') || `the images of ${release.version}`,
    };
  },

  commands(definition, release) {
    const code = definition.source.git ? git.commands(definition, release) : { fetch: [], switch: [] };
    const services = servicesOf(definition);
    return {
      fetch: [...code.fetch, ...services.flatMap((service) => fetchLines(definition, release, service))],
      switch: [...code.switch, ...services.map((service) => tagLine(definition, release, service))],
    };
  },

  byHand(context, release) {
    const code = isGit(context) ? git.byHand(context, release) : [];
    return [...code, ...Object.values(release.images ?? {}).map(({ id, tag }) => `docker tag ${id} ${quoted(tag)}`)];
  },
};

function isGit({ definition }: StepContext): boolean {
  return definition.source.git !== undefined;
}

async function resolveImages(context: StepContext, asked: string): Promise<Release> {
  const base = isGit(context) ? await git.resolve(context, asked) : { version: asked, sha: '' };
  if (context.run.kind === 'adopt') return isGit(context) ? base : { ...base, sha: await identityHere(context, base) };
  const known = await knownImages(context, base);
  return { ...base, sha: base.sha || identityOf(known), ...(Object.keys(known).length > 0 ? { images: known } : {}) };
}

/** What runs is adopted as it is: no registry has a say in it. */
async function identityHere(context: StepContext, release: Release): Promise<string> {
  const { definition } = context;
  const found = await Promise.all(
    servicesOf(definition).map(async (service) => {
      const tag = tagOf(definition, service, release);
      const image = await inspectImage(context, tag);
      if (!image) throw fail('Usage', `image ${tag} of ${service} is not on this host`);
      return [service, imageRecord(image, tag)] as const;
    }),
  );
  return identityOf(Object.fromEntries(found));
}

async function runningRelease(context: StepContext): Promise<Release | null> {
  const code = isGit(context) ? await git.running(context) : { version: '', sha: '' };
  if (!code) return null;
  const running = await runningRecord(context, code);
  const [first] = Object.values(running);
  if (!first) return isGit(context) ? code : null;
  if (isGit(context)) return { ...code, images: running };
  return { version: first.tag.slice(first.tag.lastIndexOf(':') + 1), sha: identityOf(running), images: running };
}

function fetchLines(definition: Definition, release: Release, service: string): string[] {
  const image = release.images?.[service];
  const pin = pinOf(definition.environment, service, release.run ?? '{run}');
  if (!image) return [shellLine(buildArgv(definition.source.images?.[service], pin, `code/${release.sha}`))];
  return [`docker pull ${image.digest ?? image.tag}`, `docker tag ${image.id} ${pin}`];
}

function tagLine(definition: Definition, release: Release, service: string): string {
  const image = release.images?.[service];
  return `docker tag ${image?.id ?? pinOf(definition.environment, service, '{run}')} ${image?.tag ?? tagOf(definition, service, release)}`;
}
