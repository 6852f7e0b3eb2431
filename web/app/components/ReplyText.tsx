// An SMTP reply as it was said, its codes in front.
import type { Reply } from "~/api/types";

export function replyLine(reply: Reply): string {
  return [reply.code, reply.enhanced, reply.text.replaceAll("\n", " ")].filter(Boolean).join(" ");
}

export function ReplyText({ reply, clamp = false }: { reply: Reply; clamp?: boolean }) {
  const tone = reply.code >= 500 ? "var(--bad-text)" : reply.code >= 400 ? "var(--warn-text)" : "var(--good-text)";
  return (
    <span className={clamp ? "mono clamp-2" : "mono"} title={clamp ? replyLine(reply) : undefined}>
      <b style={{ color: tone }}>
        {reply.code}
        {reply.enhanced ? ` ${reply.enhanced}` : ""}
      </b>{" "}
      {reply.text.replaceAll("\n", " ")}
    </span>
  );
}
