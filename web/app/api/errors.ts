// What can go wrong between the UI and the program, as one type.
import type { ErrorBody } from "./types";

export class ApiError extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly code: string;
  readonly field: string | null;
  /** Where in the query or template the trouble starts, in characters. */
  readonly position: number | null;
  readonly length: number;
  /** What was probably meant in place of these characters. */
  readonly suggestion: string | null;

  constructor(status: number, error: ErrorBody["error"]) {
    super(error.message);
    this.name = "ApiError";
    this.status = status;
    this.code = error.code;
    this.field = error.field ?? null;
    this.position = error.position ?? null;
    this.length = error.length ?? 1;
    this.suggestion = error.suggestion ?? null;
  }
}

export function isUnauthorised(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

/** The password in use was wrong, while the session itself is fine. */
export function isWrongPassword(error: unknown): boolean {
  return error instanceof ApiError && error.code === "wrong-credentials";
}

/** What the program refuses for good stays refused: a missing thing, a wrong request, a role. */
const PASSING = new Set([0, 408, 425, 429]);

/** Whether the same request may succeed a little later. */
export function canPass(error: unknown): boolean {
  // Anything but an answer of the program: a piece of the page that did not load, a bug that another moment avoids.
  if (!(error instanceof ApiError)) return true;
  return error.status >= 500 || PASSING.has(error.status);
}

/** Somebody else changed it since; nothing was written. */
export function isStale(error: unknown): boolean {
  return error instanceof ApiError && error.code === "stale";
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

/** Reads an answer that is not 2xx. Proxies may answer without JSON. */
export async function readError(response: Response): Promise<ApiError> {
  try {
    const body = (await response.json()) as Partial<ErrorBody>;
    if (body.error && typeof body.error.message === "string") return new ApiError(response.status, body.error);
  } catch {
    // No JSON: fall through.
  }
  return new ApiError(response.status, {
    code: "unreadable-answer",
    message: `HTTP ${response.status} ${response.statusText}`,
  });
}
