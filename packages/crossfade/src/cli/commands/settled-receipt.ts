import type { Clock } from '@crossfade/sdk/core/clock';

interface Receipted {
  readonly receipt: { readonly completedAtMs: number | null } | null;
}

/** Gateways answer within milliseconds; past this somebody is missing, or sessions are still open. */
const waitMs = 2_000;
const lookMs = 50;

export function isReceiptOpen({ receipt }: Receipted): boolean {
  return receipt !== null && receipt.completedAtMs === null;
}

/**
 * The status after a rollback, once its receipt is closed; after two seconds as it stands then. A look that fails ends
 * the wait: the rollback is on record, whatever becomes of the looks.
 */
export async function settledReceipt<T extends Receipted>(
  status: T,
  look: () => Promise<T>,
  clock: Clock,
): Promise<T> {
  const untilMs = clock.monotonicMs() + waitMs;
  let last = status;
  while (isReceiptOpen(last) && clock.monotonicMs() < untilMs) {
    await new Promise<void>((resolve) => void clock.after(lookMs, resolve));
    try {
      last = await look();
    } catch {
      return last;
    }
  }
  return last;
}
