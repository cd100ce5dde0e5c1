import { rootMessage } from '../../errors.js';
import type { CheckResult, Release } from '../../model.js';
import { unasked, type StepContext } from '../context.js';
import { commitOf, gitOutput } from './git-command.js';

/**
 * Whether the tag of the version is signed by somebody who is trusted here. Whom Git trusts is the host's own matter, never the
 * repository's: `gpg.ssh.allowedSignersFile` of the worker user's Git configuration, or that user's GPG keyring.
 */
export async function checkSignature(context: StepContext, release: Release, where: string): Promise<CheckResult> {
  const tag = await tagOf(context, release);
  if (!tag) {
    const seen = `${release.version} is asked for by SHA: give the version of a signed tag`;
    return unasked('signature', false, 'a tag with a good signature', seen, where);
  }
  const problem = await verify(context, tag);
  return unasked('signature', problem === undefined, `tag ${tag} has a good signature`, problem ?? 'it has', where);
}

async function tagOf(context: StepContext, { version, sha }: Release): Promise<string | undefined> {
  for (const tag of [version, `v${version}`]) if ((await commitOf(context, `refs/tags/${tag}`)) === sha) return tag;
  return undefined;
}

async function verify(context: StepContext, tag: string): Promise<string | undefined> {
  try {
    await gitOutput(context, ['verify-tag', '--', tag]);
    const signed = (await gitOutput(context, ['for-each-ref', '--format=%(tag)', `refs/tags/${tag}`])).trim();
    // A signed tag of an older version, put under the name of a new one, is well signed, too.
    return signed === tag ? undefined : `its signature is that of tag ${signed}`;
  } catch (error) {
    const said = rootMessage(error);
    if (/allowedSignersFile/.test(said))
      return `nobody is trusted here: git config --global gpg.ssh.allowedSignersFile FILE, as the user of the worker`;
    return said.split(': ').slice(1).join(': ') || said;
  }
}
