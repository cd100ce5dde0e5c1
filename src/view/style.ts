import { styleText } from 'node:util';

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';
export type Mark = 'done' | 'running' | 'skipped' | 'failed' | 'undone' | 'waiting' | 'note';

/** How text is dressed for one output: its marks and colours. */
export interface Style {
  mark(mark: Mark): string;
  paint(colour: Colour, text: string): string;
}

const unicode: Record<Mark, string> = {
  done: '✔',
  running: '●',
  skipped: '○',
  failed: '✖',
  undone: '↺',
  waiting: '?',
  note: '!',
};
const ascii: Record<Mark, string> = {
  done: '+',
  running: '*',
  skipped: '-',
  failed: 'x',
  undone: '<',
  waiting: '?',
  note: '!',
};
const colours: Record<Mark, Colour> = {
  done: 'green',
  running: 'cyan',
  skipped: 'dim',
  failed: 'red',
  undone: 'yellow',
  waiting: 'yellow',
  note: 'yellow',
};

/** No colour: for files, tests and machines. */
export const plainStyle: Style = { mark: (mark) => unicode[mark], paint: (_colour, text) => text };

/** Colours as the stream can show them, NO_COLOR and FORCE_COLOR say; ASCII where the locale is not UTF-8. */
export function styleFor(stream: NodeJS.WritableStream, variables: Record<string, string | undefined>): Style {
  const marks = speaksUtf8(variables) ? unicode : ascii;
  const paint = (colour: Colour, text: string) => styleText(colour, text, { stream });
  return { mark: (mark) => paint(colours[mark], marks[mark]), paint };
}

/** A locale that is not set says nothing: files, pipes and terminals are UTF-8 then. */
export function speaksUtf8({ LC_ALL, LC_CTYPE, LANG }: Record<string, string | undefined>): boolean {
  const locale = LC_ALL || LC_CTYPE || LANG;
  return !locale || /utf-?8/i.test(locale);
}

/** Text from outside, without anything that a terminal would obey; on one line. */
export function plainText(text: string): string {
  return text
    .replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, '');
}
