const shape =
  /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** ECMAScript's range of time values: 100,000,000 days around 1970. */
const lastInstantMs = 8.64e15;

/**
 * Milliseconds since 1970 of an ISO 8601 date (midnight UTC) or date-time with a zone, of a number of
 * milliseconds, or of a `Date`; `undefined` for anything else. A time without a zone would mean another
 * moment on every machine, and February 30 no moment at all: neither is read.
 */
export function instantOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Math.abs(value) <= lastInstantMs ? value : undefined;
  if (typeof value === 'string') return parseInstant(value);
  if (value instanceof Date) {
    // Not `value.getTime()`: a context may carry a Date with a method of its own.
    const timeMs = Date.prototype.getTime.call(value);
    return Number.isNaN(timeMs) ? undefined : timeMs;
  }
  return undefined;
}

function parseInstant(text: string): number | undefined {
  // 40 characters hold the longest shape; a huge string is not searched.
  const match = text.length > 40 ? null : shape.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '0', zone = 'Z'] = match;
  const dayMs = Date.UTC(Number(year), Number(month) - 1, Number(day));
  const read = new Date(dayMs);
  if (Number(year) < 100 || read.getUTCMonth() !== Number(month) - 1 || read.getUTCDate() !== Number(day))
    return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const timeMs = ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1_000;
  return dayMs + timeMs + Math.floor(Number(`0.${fraction}`) * 1_000) - zoneOffsetMs(zone);
}

function zoneOffsetMs(zone: string): number {
  if (zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}
