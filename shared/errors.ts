// Pure.
// Operating errors: something we depend on is away or refuses. Rejections are values (a decision
// with a reason), malformed input is a dead letter, a broken invariant is an `AssertionError`.

/** An operating error: `code` is stable snake_case, `retryable` says whether the same call may succeed later. */
export class OnhandError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly fields: Record<string, unknown>;

  constructor(
    code: string,
    message: string,
    options: { retryable?: boolean; fields?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "OnhandError";
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.fields = options.fields ?? {};
  }
}

/** The one line a person should read of any thrown value; never a stack trace. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError && error.message === "" && error.errors.length > 0)
    return describeError(error.errors[0]);
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}
