import type { FreezeWindow } from './plan.ts';

/**
 * The first freeze window that is open at this moment, or null. Windows are in the wall time of their zone: an
 * hour that a clock change skips never freezes, one that it repeats freezes both times.
 */
export function freezeAt(windows: readonly FreezeWindow[], nowMs: number): FreezeWindow | null {
  return windows.find((window) => isOpen(window, nowMs)) ?? null;
}

function isOpen(window: FreezeWindow, nowMs: number): boolean {
  const local = localTime(window.zone, nowMs);
  if ('fromLocal' in window) return window.fromLocal <= local.text && local.text < window.untilLocal;
  const { days, fromMinute, untilMinute } = window;
  if (fromMinute < untilMinute) {
    return days.includes(local.day) && fromMinute <= local.minute && local.minute < untilMinute;
  }
  const dayBefore = local.day === 1 ? 7 : local.day - 1;
  return (
    (days.includes(local.day) && local.minute >= fromMinute) ||
    (days.includes(dayBefore) && local.minute < untilMinute)
  );
}

interface LocalTime {
  /** 1 Monday … 7 Sunday. */
  readonly day: number;
  /** After midnight. */
  readonly minute: number;
  /** `2026-03-29T01:59`: sorts as time does. */
  readonly text: string;
}

/** The wall time of a zone at a moment. */
export function localTime(zone: string, nowMs: number): LocalTime {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  });
  const parts = Object.fromEntries(format.formatToParts(nowMs).map(({ type, value }) => [type, value]));
  const { year, month, day, hour, minute } = parts as Record<string, string>;
  const weekday = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDay();
  return {
    day: weekday === 0 ? 7 : weekday,
    minute: Number(hour) * 60 + Number(minute),
    text: `${year}-${month}-${day}T${hour}:${minute}`,
  };
}
