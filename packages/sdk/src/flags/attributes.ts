/** A context as the evaluator reads it: an object of unknown shape, own properties only. */
export type Attributes = Readonly<Record<string, unknown>>;

/**
 * Compiles a dotted path to a reader of own properties, so that `constructor` or `__proto__` never finds
 * what the app did not put there. A property whose name is the whole path (`{ 'usage.minutes30d': 5 }`,
 * as flat contexts have it) wins over walking down. `undefined` when there is none.
 */
export function attributeReader(path: string): (context: Attributes) => unknown {
  if (!path.includes('.')) return (context) => (Object.hasOwn(context, path) ? context[path] : undefined);
  const steps = path.split('.');
  return (context) => {
    if (Object.hasOwn(context, path)) return context[path];
    let value: unknown = context;
    for (const step of steps) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
      value = (value as Attributes)[step];
    }
    return value;
  };
}

/** The attribute that shares and overrides use unless a share names another. */
export const targetingKeyAttribute = 'targetingKey';

/**
 * Compiles the attribute that a share is counted by to a reader of its text. Ids that are whole numbers
 * count as their digits; empty text and everything else is no key.
 */
export function keyReader(attribute: string): (context: Attributes) => string | undefined {
  // Its own code, because an engine reads a property it sees by name twice as fast as one by variable.
  if (attribute === targetingKeyAttribute) return (context) => keyText(context['targetingKey']);
  const read = attributeReader(attribute);
  return (context) => keyText(read(context));
}

function keyText(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  return Number.isSafeInteger(value) ? String(value) : undefined;
}
