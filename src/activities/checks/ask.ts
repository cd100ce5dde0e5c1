import type { Check } from '../../model.js';
import type { CheckContext } from './contract.js';
import { named } from './values.js';

/** What a person is asked; the answer comes later, as a message. Throws Usage for an unknown fact. */
export function questionOf(check: Check, context: CheckContext): { text: string; role?: string } {
  return { text: named(check.ask ?? '', context), ...(check.role ? { role: check.role } : {}) };
}
