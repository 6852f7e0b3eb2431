// The last reply of a path that was not a success, or the failure that stood in its place.
import type { LastReply } from "~/api/types";
import { Dash } from "~/ui/Dash";
import { ReplyText } from "./ReplyText";

export function LastReplyText({ last, clamp = false }: { last: LastReply | null; clamp?: boolean }) {
  if (!last) return <Dash />;
  if (last.reply) return <ReplyText reply={last.reply} clamp={clamp} />;
  return (
    <span className={clamp ? "mono clamp-2" : "mono"} title={clamp ? (last.error ?? undefined) : undefined}>
      {last.error ?? "–"}
    </span>
  );
}
