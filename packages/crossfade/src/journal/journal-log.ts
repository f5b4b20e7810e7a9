/** Where the journal reports; pino's logger fits. Fields never hold audio or text of a session. */
export interface JournalLog {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

export const silentLog: JournalLog = { info() {}, warn() {}, error() {} };
