// Writes schema/*.json from the zod schemas: `npx tsx scripts/write-schema.ts`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { jsonSchemas } from '../src/definition/json-schema.js';

const folder = new URL('../schema/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, content] of Object.entries(jsonSchemas())) writeFileSync(new URL(name, folder), content);
