/** What stands at a path, or why nothing does. */
export type Found = { found: true; value: unknown } | { found: false; why: string };

/** `metadata.version`, `items.0.id`, `.` (or `$`) for the whole. A key that holds dots is found by its own name. */
export function readPath(whole: unknown, path: string): Found {
  const keys = path
    .replace(/\[(\d+)\]/g, '.$1')
    .split('.')
    .filter((key, i) => key !== '' && !(key === '$' && i === 0));
  let value = whole;
  for (let i = 0; i < keys.length; i += 1) {
    const rest = keys.slice(i).join('.');
    if (has(value, rest)) return { found: true, value: value[rest] };
    const key = keys[i] as string;
    if (!has(value, key)) return { found: false, why: `nothing at ${path}; ${describe(value, keys.slice(0, i))}` };
    value = value[key];
  }
  return { found: true, value };
}

function has(value: unknown, key: string): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}

function describe(value: unknown, before: string[]): string {
  const place = before.length === 0 ? 'the answer' : before.join('.');
  if (Array.isArray(value)) return value.length ? `${place} is a list of ${value.length}` : `${place} is an empty list`;
  if (typeof value !== 'object' || value === null)
    return `${place} is ${value === null ? 'null' : `a ${typeof value}`}`;
  const keys = Object.keys(value);
  if (keys.length === 0) return `${place} is an empty object`;
  return `${place} has keys ${keys.slice(0, 12).join(', ')}${keys.length > 12 ? ` and ${keys.length - 12} more` : ''}`;
}
