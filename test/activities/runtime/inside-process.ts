// A worker in a process of its own, at one changing command inside a service, so that it can be killed in its middle.
import type { CommandRequest } from '../../../src/activities/context.js';
import { stepContext } from '../step-context.js';

const [options = '{}', name = '', request = '{}'] = process.argv.slice(2);
const step = stepContext(JSON.parse(options) as Parameters<typeof stepContext>[0]);
await step.change(name, JSON.parse(request) as CommandRequest);
