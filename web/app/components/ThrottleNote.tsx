// Why a path is slowed or suspended, to what, until when, and who decided.
import { useTranslation } from "react-i18next";
import type { PathLimits, Throttle } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { Tag } from "~/ui/Tag";
import { isStopped } from "~/util/throttle";
import { replyLine } from "./ReplyText";

export interface ThrottleNoteProps {
  throttle: Throttle;
  /** Limits of the path, to say what is left; unknown on pages that do not show paths. */
  limits?: PathLimits;
}

export function ThrottleNote({ throttle, limits }: ThrottleNoteProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const suspended = isStopped(throttle, limits);
  const values: string[] = [];
  if (limits && limits.connections_now < limits.connections)
    values.push(t("delivery.connectionsNow", { count: limits.connections_now }));
  if (limits?.rate_now && limits.rate_now !== limits.rate) values.push(limits.rate_now);
  const word = suspended
    ? t("delivery.suspended")
    : values.length > 0
      ? t("delivery.slowedTo", { value: values.join(", ") })
      : t("delivery.slowed");
  const note = [throttle.reason, t("delivery.by", { by: throttle.by })].join(" · ");
  return (
    <span
      style={{ display: "block", minWidth: 190, maxWidth: 420 }}
      title={throttle.reply ? replyLine(throttle.reply) : undefined}
    >
      <Tag tone={suspended ? "bad" : "warn"}>
        {word}
        {throttle.until ? ` · ${t("delivery.until", { time: format.clock(throttle.until) })}` : ""}
      </Tag>
      <span style={{ display: "block", fontSize: "0.75rem" }} className="muted">
        {note}
      </span>
    </span>
  );
}
