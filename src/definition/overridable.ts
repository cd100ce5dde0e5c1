import { z } from 'zod';
import { flowStep, matcher } from './check-schema.js';
import { object } from './words.js';

/** The same schema for an override: every key optional, and `none` in any place that can be removed. For editors alone. */
export function overridable(schema: z.ZodType): z.ZodType {
  return orNone(loosened(schema)).optional();
}

/** By the schema it was made from, so that what is used often is written once, as a reference. */
const made = new WeakMap<z.ZodType, z.ZodType>();

function loosened(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional) return loosened(schema.unwrap() as z.ZodType);
  const { id, description } = schema.meta() ?? {};
  if (isWhole(schema)) return schema;
  const known = made.get(schema);
  if (known) return known;
  let loose = withoutDescription(schema);
  if (description) loose = loose.describe(description);
  if (id) loose = loose.meta({ id: `${id}-override` });
  made.set(schema, loose);
  return loose;
}

function withoutDescription(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodObject) {
    const keys = Object.entries(schema.shape as z.ZodRawShape).map(([key, value]) => [
      key,
      overridable(value as z.ZodType),
    ]);
    return object(Object.fromEntries(keys) as z.ZodRawShape);
  }
  if (schema instanceof z.ZodRecord)
    return z.record(schema.keyType as z.ZodString, orNone(loosened(schema.valueType as z.ZodType)));
  if (schema instanceof z.ZodUnion) return z.union(joined(schema.options as z.ZodType[]).map(loosened));
  return schema;
}

/** Small parts are replaced, not merged. */
function isWhole(schema: z.ZodType): boolean {
  return schema instanceof z.ZodObject && (schema.shape === matcher.shape || schema.shape === flowStep.shape);
}

/** An override may remove one kind and add another: maps that a value may be become one map with the keys of all. */
function joined(options: z.ZodType[]): z.ZodType[] {
  const maps = options.filter(
    (option) => option instanceof z.ZodObject && option.meta()?.id === undefined,
  ) as z.ZodObject[];
  if (maps.length < 2) return options;
  const values = new Map<string, Set<z.ZodType>>();
  for (const [key, value] of maps.flatMap((map) => Object.entries(map.shape as z.ZodRawShape))) {
    values.set(key, (values.get(key) ?? new Set()).add(value as z.ZodType));
  }
  const shape = Object.fromEntries([...values].map(([key, found]) => [key, either([...found])]));
  return [object(shape), ...options.filter((option) => !maps.includes(option as z.ZodObject))];
}

function either(schemas: z.ZodType[]): z.ZodType {
  const parts = schemas.map((schema) => (schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : schema));
  const descriptions = new Set(parts.map((part) => part.description).filter(Boolean));
  return parts.length === 1 ? parts[0]! : z.union(parts).describe([...descriptions].join('; or: '));
}

function orNone(schema: z.ZodType): z.ZodType {
  const either = z.union([schema, z.literal('none')]);
  return schema.description ? either.describe(schema.description) : either;
}
