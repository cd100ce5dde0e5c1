import { z } from 'zod';
import { argv, duration, filled, list, object, secret, service, text, variable, variables } from './words.js';

const literal = () => [z.string(), z.number(), z.boolean(), z.null()] as const;
const bound = () => z.union([z.number(), duration()], { error: 'a number or a duration' });
const pattern = () => filled().describe('Regular expression that must be found in the value');

const words = 'one of matches, type, over, under, longer, present, one_of, not, not_placeholder';

export const matcher = object({
  matches: pattern().optional(),
  type: z
    .enum(['string', 'number', 'integer', 'boolean', 'array', 'object', 'null', 'date', 'semver', 'url'])
    .describe('What the value is')
    .optional(),
  over: bound().describe('It is more than this; durations for ages and times').optional(),
  under: bound().describe('It is less than this').optional(),
  longer: z.int().describe('Text, list or map with more parts than this').optional(),
  present: z.boolean().describe('It is there (true) or absent (false), whatever its value').optional(),
  one_of: list(z.union(literal())).describe('It is one of these').optional(),
  get not(): z.ZodOptional<z.ZodType> {
    return z
      .union([...literal(), matcher])
      .describe('It is not this; a value or a matcher')
      .optional();
  },
  not_placeholder: z.boolean().describe('It is no `changeme`, `example` or the like').optional(),
}).refine((value) => Object.keys(value).length > 0, {
  error: words,
});

const value = () => z.union([...literal(), matcher], { error: 'a value or a matcher' });
const byPath = () => z.record(z.string(), value());

const statusText = () => text('a status such as 200, 2xx or [200, 204]', /^[1-5]xx$/);
const statusNumber = () =>
  z
    .int()
    .min(100, { error: 'a status such as 200, 2xx or [200, 204]' })
    .max(599, { error: 'a status such as 200, 2xx or [200, 204]' });
const status = () =>
  z.union([statusNumber(), statusText(), list(statusNumber())], { error: 'a status such as 200, 2xx or [200, 204]' });

const answer = object({
  status: status().describe('Status: one, a list, or a class as 2xx').optional(),
  json: byPath().describe('By path (`data.0.id`; `.` is the whole body): a value or a matcher').optional(),
  text: z.union([z.string(), matcher]).describe('Body contains this, or matches').optional(),
  header: byPath().describe('By name of the header').optional(),
  csv: z.union([z.string(), matcher]).describe('First line of a CSV body').optional(),
  content_type: z.string().describe('Media type, without parameters').optional(),
  time: matcher.describe('How long the answer took: { under: 2s }').optional(),
}).meta({ id: 'answer' });
const expectAnswer = () =>
  z
    .union([statusNumber(), statusText(), list(statusNumber()), answer], { error: 'a status or a map' })
    .describe('The answer: a status, or status, json, text, header, csv, content_type, time');

const http = () =>
  text(
    'a request such as /health or POST /api/jobs',
    /^(?:(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) )?(?:\/\S*|https?:\/\/\S+|\{url\}\S*|\$\w+\S*)$/,
  ).describe('[METHOD] path on `url`, or a whole URL; redirects are not followed');
const request = {
  headers: z.record(z.string(), z.string()).describe('Headers by name').optional(),
  body: z
    .union([z.string(), z.record(z.string(), z.unknown()), z.array(z.unknown())])
    .describe('A map or list is sent as JSON, text as it is')
    .optional(),
  basic: z
    .tuple([filled(), secret()], { error: '[user, $PASSWORD]' })
    .describe('[user, password], the password as $NAME')
    .optional(),
  bearer: text('a variable such as $NAME, or a name that the flow saved', /^(?:\$\w+|\{\w+\})$/)
    .describe('Token: $NAME, or in a flow a saved name in braces')
    .optional(),
};
const until = () =>
  expectAnswer().describe('Poll until the answer is this, to the end of `within` (stale → fresh)').optional();
const ca = () => filled().describe('File with the certificate authority to trust, beside the usual ones').optional();
const address = () =>
  text('host:port', /^[^\s/:]+:\d+$/)
    .describe('host:port to connect to; name and certificate stay those of the URL')
    .optional();

export const flowStep = object({
  http: http(),
  ...request,
  expect: expectAnswer().optional(),
  until: until(),
  save: z.record(variable(), z.string()).describe('Name → JSON path; later steps write {name}').optional(),
}).meta({ id: 'request' });

const common = {
  level: z
    .enum(['must', 'warn', 'record'])
    .describe('must: a failure stops the release; warn: shown at the gate; record: kept only')
    .optional(),
  when: object({
    change: list(z.enum(['none', 'compatible', 'breaking']))
      .describe('Only for releases with such a change')
      .optional(),
    version: text(
      'a version range such as >=2.0.0 <3.0.0',
      /^(?:(?:<|<=|>|>=|=)?\d+(?:\.\d+){0,2}(?:-[\w.]+)?)(?: (?:<|<=|>|>=|=)?\d+(?:\.\d+){0,2}(?:-[\w.]+)?)*$/,
    )
      .describe('Only for versions in this range')
      .optional(),
  })
    .describe('When the check applies')
    .optional(),
  role: filled().describe('Who answers what is put to a person').optional(),
  changes: z
    .boolean()
    .describe('It changes something: runs once, is never tried again blindly, is left out of rehearsals')
    .optional(),
  within: duration().describe('Deadline of the whole check').optional(),
};

/** One schema a kind: what its options and its expectation may be. */
export const checkKinds = {
  http: object({
    http: http(),
    ...request,
    ca: ca(),
    address: address(),
    until: until(),
    hold: duration().describe('The answer stays as expected this long').optional(),
    repeat: z
      .int()
      .min(2)
      .describe('Asked at most this often, until the answer is as expected (rate limit); runs last, alone')
      .optional(),
    assets: z.boolean().describe("The page's own scripts and styles answer as well").optional(),
    expect: expectAnswer().optional(),
    ...common,
  }),
  flow: object({
    flow: list(flowStep).describe('Requests in order, with cookies; tried again only as a whole'),
    finally: list(flowStep).describe('Requests that remove what the flow made').optional(),
    csrf: object({
      cookie: filled().describe('Cookie that holds the token'),
      header: filled().describe('Header that sends it back'),
    })
      .describe('CSRF token for all methods but GET and HEAD')
      .optional(),
    ca: ca(),
    address: address(),
    ...common,
  }),
  command: object({
    command: argv().describe('Program and arguments, without a shell'),
    env: variables().describe('Variables beside those of env_file').optional(),
    in: service().describe('Runs inside this service; on the host without it').optional(),
    expect: z
      .union(
        [
          z.int(),
          object({
            exit: z
              .union([z.int(), list(z.int())])
              .describe('Exit code, or several; 0 unless told otherwise')
              .optional(),
            output: z
              .union([z.string(), matcher])
              .describe('Output or error output contains this, or matches')
              .optional(),
            stdout: z.union([z.string(), matcher]).describe('Output contains this, or matches').optional(),
            stderr: z.union([z.string(), matcher]).describe('Error output contains this, or matches').optional(),
            json: byPath().describe('Output is JSON; by path: a value or a matcher').optional(),
          }),
        ],
        { error: 'an exit code or a map' },
      )
      .describe('Exit code, or exit, output, stdout, stderr, json')
      .optional(),
    ...common,
  }),
  env: object({
    env: z
      .union(
        [
          list(variable()),
          z.record(
            variable(),
            z.union([z.string(), matcher], { error: 'text or a matcher (put a value between quotes)' }),
          ),
        ],
        {
          error: 'a list of names, or a map of name to value',
        },
      )
      .describe('Variables of env_file: names that are not empty, or name → value or matcher'),
    ...common,
  }),
  file: object({
    file: filled().describe('File or folder, relative to `directory`'),
    expect: object({
      exists: z.boolean().describe('Whether it is there').optional(),
      writable: z.boolean().describe("Whether the system's user may write it").optional(),
      size: matcher.describe('Bytes').optional(),
      age: matcher.describe('Since it was last written').optional(),
      newest: matcher.describe('Age of the newest file in the folder').optional(),
      contains: z.union([z.string(), matcher]).describe('Content contains this, or matches').optional(),
      mode: text('a mode such as "0600"', /^0[0-7]{3}$/)
        .describe('Permissions')
        .optional(),
    })
      .describe('What the file is like; it exists unless told otherwise')
      .optional(),
    ...common,
  }),
  sql: object({
    sql: filled().describe('One query'),
    as: filled().describe('Role to be while asking (SET ROLE)').optional(),
    set: z.record(z.string(), z.string()).describe('Settings of that one transaction (SET LOCAL)').optional(),
    database: filled().describe('Name in `database`, where there are several').optional(),
    expect: z
      .union(
        [
          ...literal(),
          object({
            value: value().describe('First column of the first row').optional(),
            rows: z.union([z.int(), matcher]).describe('How many rows').optional(),
          }),
        ],
        { error: 'a value or a map' },
      )
      .describe('The value, or value and rows')
      .optional(),
    ...common,
  }),
  ask: object({ ask: filled().describe('A statement that a person confirms: pass, fail or n/a'), ...common }),
  tls: object({
    tls: filled().describe('URL or host:port'),
    ca: ca(),
    address: address(),
    expect: object({
      trusted: z.boolean().describe('Chain and name are right').optional(),
      days_left: matcher.describe('Days until it expires').optional(),
    })
      .describe('What the certificate is like')
      .optional(),
    ...common,
  }),
  search: object({
    search: filled().describe('Regular expression; hits that the baseline does not list are put to a person'),
    paths: list(filled()).describe('Where to look, relative to `directory`'),
    baseline: filled().describe('File beside the definition with the reviewed hits').optional(),
    ...common,
  }),
  backup: object({
    backup: z.literal('latest').describe('The latest backup in the store of Slipway'),
    expect: object({
      proven: z.boolean().describe('It was restored into scratch and found equal').optional(),
      age: matcher.describe('Since it was taken').optional(),
    })
      .describe('What the backup is like')
      .optional(),
    ...common,
  }),
  logs: object({
    logs: filled().describe('Service, container or file'),
    expect: object({
      contains: z
        .union([z.string(), matcher])
        .describe('A line since the step began contains this, or matches')
        .optional(),
      lacks: z.union([z.string(), matcher]).describe('No line since the step began does').optional(),
    }).describe('Lines since the step began'),
    ...common,
  }),
  metrics: object({
    metrics: http(),
    basic: request.basic,
    bearer: request.bearer,
    expect: object({
      sample: filled().describe('Name of a metric that has a sample').optional(),
      closed: z.boolean().describe('Refused without the credentials').optional(),
    })
      .describe('The answer parses; what else')
      .optional(),
    ...common,
  }),
} as const;

export const kindNames = Object.keys(checkKinds) as (keyof typeof checkKinds)[];
export const check = z.union(Object.values(checkKinds)).meta({ id: 'check' });
export type CheckInput = z.infer<typeof check>;
