import { z } from 'zod';
import { peopleSchema } from './people.js';
import { fileSchema } from './schema.js';

/** The files of `schema/` with their content: what editors complete and check while a definition is typed. */
export function jsonSchemas(): Record<string, string> {
  return { 'definition.schema.json': written(fileSchema), 'people.schema.json': written(peopleSchema) };
}

function written(schema: z.ZodType): string {
  return `${JSON.stringify(z.toJSONSchema(schema, { target: 'draft-7', io: 'input', reused: 'inline' }), undefined, 1)}\n`;
}
