/**
 * Images that a Dockerfile starts from and that have to come from elsewhere: neither its own stages nor `scratch`. One that still holds
 * a variable without a default is left out: only its build tells.
 */
export function basesOf(dockerfile: string): string[] {
  const defaults = new Map<string, string>();
  const stages = new Set(['scratch']);
  const bases = new Set<string>();
  for (const line of logicalLines(dockerfile)) {
    const [, name, value] = /^ARG\s+(\w+)=(\S+)/i.exec(line) ?? [];
    // Only arguments before the first FROM count there.
    if (name && value && bases.size === 0 && stages.size === 1) defaults.set(name, value.replace(/^["']|["']$/g, ''));
    const [, image, stage] = /^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/i.exec(line) ?? [];
    if (!image) continue;
    const filled = image.replace(
      /\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))/g,
      (whole, braced?: string, or?: string, bare?: string) => {
        return defaults.get(braced ?? bare ?? '') ?? or ?? whole;
      },
    );
    if (!stages.has(filled.toLowerCase()) && !filled.includes('$')) bases.add(filled);
    if (stage) stages.add(stage.toLowerCase());
  }
  return [...bases];
}

function logicalLines(text: string): string[] {
  return text
    .split(/\r?\n/)
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.trim());
}
