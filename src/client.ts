#!/usr/bin/env node
import { runCli } from './client/run-cli.js';
import { terminal } from './client/terminal.js';

process.exitCode = await runCli(process.argv.slice(2), terminal());
// What still waits for an answer nobody reads must not keep us.
setTimeout(() => process.exit(), 2000).unref();
