'use strict';

const { readFileSync } = require('node:fs');
const path = require('node:path');
const { read } = require('./database');

// Read once: the file may change under a running process, its code does not.
const version = readFileSync(path.join(__dirname, '../VERSION'), 'utf8').trim();
const about = { version, sha: process.env.SHOP_SHA || null };

async function check() {
  await read('SELECT 1');
  return [200, { status: 'ok', ...about }];
}

const showVersion = async () => [200, about];

module.exports = { check, version: showVersion };
