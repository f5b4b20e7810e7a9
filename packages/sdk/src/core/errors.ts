/**
 * Every error a user can meet. Callers branch on the code, never on the words.
 * A test holds this table against docs/errors.md, both ways.
 */
export const errorTable = {
  RULESET_INVALID: {
    status: 422,
    retryable: false,
    meaning: 'A ruleset document was refused; nothing changed.',
  },
  RULESET_STALE: { status: 409, retryable: false, meaning: 'A ruleset revision must grow.' },
  PLAN_INVALID: { status: 422, retryable: false, meaning: 'A rollout plan was refused; nothing changed.' },
  COMMAND_REFUSED: {
    status: 409,
    retryable: false,
    meaning: 'A rollout in this state does not take this command.',
  },
  EVIDENCE_INVALID: {
    status: 422,
    retryable: false,
    meaning: 'An acceptance report was refused: it is none, or was changed since it was made.',
  },
  ROLLOUT_UNKNOWN: { status: 404, retryable: false, meaning: 'No rollout has this name.' },
  ROLLOUT_CONFLICT: {
    status: 409,
    retryable: false,
    meaning: 'The flag already has a rollout that is not over.',
  },
  STORE_CONFLICT: {
    status: 409,
    retryable: true,
    meaning: 'Another writer appended first; read again and retry.',
  },
  STORE_NEWER: { status: 500, retryable: false, meaning: 'The store was written by a newer program.' },
  STORE_CORRUPT: { status: 500, retryable: false, meaning: 'A stored record fails its hash.' },
  STORE_UNAVAILABLE: { status: 503, retryable: true, meaning: 'The store could not answer.' },
  DATA_FOLDER_LOCKED: {
    status: 409,
    retryable: false,
    meaning: 'Another process writes to this data folder.',
  },
  JOURNAL_UNAVAILABLE: { status: 503, retryable: true, meaning: 'The journal cannot be written.' },
  JOURNAL_REFUSED: {
    status: 409,
    retryable: false,
    meaning: 'The journal does not take this: out of order, over, too large.',
  },
  JOURNAL_CORRUPT: {
    status: 500,
    retryable: false,
    meaning: 'A journal file is damaged where it should not be.',
  },
  SESSION_UNKNOWN: { status: 404, retryable: false, meaning: 'No session has this id.' },
  SESSION_LIMIT: {
    status: 503,
    retryable: true,
    meaning: 'The gateway or pipeline carries as many sessions as it may.',
  },
  UNAUTHORIZED: { status: 401, retryable: false, meaning: 'The key or token is missing or wrong.' },
  QUERY_INVALID: {
    status: 400,
    retryable: false,
    meaning: 'A query parameter of the listen request was refused.',
  },
  MESSAGE_INVALID: {
    status: 400,
    retryable: false,
    meaning: 'A frame or control message could not be understood.',
  },
  BODY_TOO_LARGE: { status: 413, retryable: false, meaning: 'The request body is larger than allowed.' },
  UPSTREAM_UNAVAILABLE: { status: 503, retryable: true, meaning: 'No upstream could take the session.' },
  ENGINE_UNKNOWN: { status: 404, retryable: false, meaning: 'No engine has this name.' },
  ENGINE_MISSING: {
    status: 424,
    retryable: false,
    meaning: 'An engine or its model is not on this machine.',
  },
  ENGINE_FAILED: { status: 500, retryable: true, meaning: 'The engine process died or did not answer.' },
  PORT_IN_USE: { status: 409, retryable: false, meaning: 'Another program listens on this port.' },
  CONTROL_PLANE_UNREACHABLE: { status: 503, retryable: true, meaning: 'No running system answered.' },
  CONFIG_INVALID: {
    status: 422,
    retryable: false,
    meaning: 'A system configuration was refused; nothing was started.',
  },
  USAGE: { status: 400, retryable: false, meaning: 'The command was called with words it does not know.' },
  INTERRUPTED: { status: 503, retryable: true, meaning: 'A person stopped it before it was done.' },
  TIMEOUT: { status: 504, retryable: true, meaning: 'A wait reached its limit.' },
  INTERNAL: { status: 500, retryable: false, meaning: 'A defect in this program.' },
} as const satisfies Record<string, { status: number; retryable: boolean; meaning: string }>;

export type ErrorCode = keyof typeof errorTable;

/**
 * The one error class. The message says what was expected, what came, and what to do.
 * `detail` is for machines (a path into a document, a port number).
 */
export class CrossfadeError extends Error {
  readonly code: ErrorCode;
  readonly detail: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; detail?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CrossfadeError';
    this.code = code;
    this.detail = options.detail;
  }

  get status(): number {
    return errorTable[this.code].status;
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }
}

/** Whether `error` is ours and carries `code`. */
export function hasCode(error: unknown, code: ErrorCode): error is CrossfadeError {
  return error instanceof CrossfadeError && error.code === code;
}

/** The sentence of any thrown thing, for logs and for users. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
