/** What stands in a Prometheus text; labels as they are written: `job="api"`. */
export type Samples = { names: { name: string; labels: string[] }[] } | { problem: string; line: string };

const LABEL = String.raw`[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*"`;
const SAMPLE = new RegExp(
  String.raw`^([a-zA-Z_:][\w:]*)(?:\{((?:${LABEL},?\s*)*)\})?\s+([+-]?(?:\d[\d.]*(?:[eE][+-]?\d+)?|\.\d+|Inf|NaN))(?:\s+-?[\d.]+)?(?:\s+# .*)?$`,
);

/** Reads the text exposition format line by line, as Prometheus and OpenMetrics have it; the first line that is none is told. */
export function samplesIn(text: string): Samples {
  const names: { name: string; labels: string[] }[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const found = SAMPLE.exec(trimmed);
    if (!found) return { problem: `line ${i + 1} is no sample of Prometheus`, line: trimmed };
    names.push({ name: found[1] ?? '', labels: found[2]?.match(new RegExp(LABEL, 'g')) ?? [] });
  }
  return { names };
}
