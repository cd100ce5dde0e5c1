/** The last whole line of a text that is no blank one, and what stands behind the last line's end: the beginning of one to come. */
export function lastLine(text: string): { line: string | undefined; rest: string } {
  const end = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1;
  const whole = text.slice(0, end).trimEnd();
  const start = Math.max(whole.lastIndexOf('\n'), whole.lastIndexOf('\r')) + 1;
  return { line: whole === '' ? undefined : whole.slice(start), rest: text.slice(end) };
}
