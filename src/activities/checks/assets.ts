import type { HttpRequest } from './request.js';
import { send } from './send.js';

const AT_ONCE = 6;
const MOST = 60;

/** Asks for the page's own scripts and styles: each has to answer 200, and not with a page that stands in for what is missing. */
export async function askAssets(
  page: HttpRequest,
  html: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ ok: boolean; seen: string }> {
  const assets = assetsIn(html, page.url);
  if (assets.length === 0) return { ok: false, seen: 'the page names no script or style of its own' };
  const problems: string[] = [];
  const queue = assets.slice(0, MOST);
  const deadline = performance.now() + timeoutMs;
  const lane = async () => {
    for (let url = queue.shift(); url !== undefined; url = queue.shift()) {
      const left = Math.max(1, deadline - performance.now());
      const problem = await problemOf({ ...page, url, method: 'GET', headOnly: true }, left, signal);
      if (problem) problems.push(`${url.pathname} ${problem}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return {
    ok: problems.length === 0,
    seen: problems.sort().join('; ') || `${assets.length} scripts and styles answer`,
  };
}

async function problemOf(request: HttpRequest, timeoutMs: number, signal: AbortSignal): Promise<string | undefined> {
  const answer = await send(request, timeoutMs, signal);
  if ('problem' in answer) return answer.problem;
  if (answer.status !== 200) return `answers ${answer.status}`;
  return /^text\/html/i.test(answer.headers['content-type'] ?? '') ? 'answers with an HTML page' : undefined;
}

/** Of the same origin, each once. */
function assetsIn(html: string, page: URL): URL[] {
  const found = new Map<string, URL>();
  for (const [tag = ''] of html.matchAll(/<(?:script|link)\b[^>]*>/gi)) {
    const isLink = /^<link/i.test(tag);
    if (isLink && !/\brel\s*=\s*["']?(?:stylesheet|modulepreload)\b/i.test(tag)) continue;
    const link = attribute(tag, isLink ? 'href' : 'src')?.replaceAll('&amp;', '&');
    if (!link || !URL.canParse(link, page.href)) continue;
    const url = new URL(link, page);
    url.hash = '';
    if (url.origin === page.origin) found.set(url.href, url);
  }
  return [...found.values()];
}

function attribute(tag: string, name: string): string | undefined {
  const found = new RegExp(String.raw`\s${name}\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))`, 'i').exec(tag);
  return found?.[1] ?? found?.[2] ?? found?.[3];
}
