// Why a path is slowed or suspended, to what, until when, and who decided.
import type { PathLimits, Throttle } from "~/api/types";
import { Tag } from "~/ui/Tag";
import { replyLine } from "./ReplyText";
import { useThrottleWords } from "./useThrottleWords";

export interface ThrottleNoteProps {
  throttle: Throttle;
  /** Limits of the path, to say what is left; unknown on pages that do not show paths. */
  limits?: PathLimits;
}

export function ThrottleNote({ throttle, limits }: ThrottleNoteProps) {
  const { effect, until, cause, detail } = useThrottleWords()(throttle, limits);
  return (
    <span
      style={{ display: "block", maxWidth: 420 }}
      title={throttle.reply ? replyLine(throttle.reply) : (detail ?? undefined)}
    >
      <Tag tone={throttle.stopped ? "bad" : "warn"}>{[effect, until].filter(Boolean).join(" · ")}</Tag>
      <span style={{ display: "block", fontSize: "0.75rem" }} className="muted">
        {cause}
        {detail ? ` (${detail})` : ""}
      </span>
    </span>
  );
}
