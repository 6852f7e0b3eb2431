// An event as a flat list of fields, with the names that searches use (`store::Field`).
import type { MailEvent } from "~/api/types";

export interface EventField {
  field: string;
  value: string;
  /** Whether a search can name it. */
  searchable: boolean;
}

/** Shown, but of no use as a search term: every event has its own. */
const NOT_SEARCHABLE = new Set(["id", "at", "next_attempt", "value", "until"]);

export function fieldsOf(event: MailEvent): EventField[] {
  const { attempt, report, touch, control } = event;
  const reply = attempt?.reply ?? report?.reply ?? control?.reply;
  const pairs: [string, string | number | boolean | null | undefined][] = [
    ["at", event.at],
    ["kind", event.kind],
    ["address", event.address],
    ["provider", event.provider],
    ["source", event.source],
    ["attempt", attempt?.number],
    ["site", attempt?.site],
    ["mx_host", attempt?.mx_host],
    ["mx_address", attempt?.mx_address],
    ["source_address", attempt?.source_address ?? report?.source_address],
    ["phase", attempt?.phase],
    ["code", reply?.code],
    ["enhanced", reply?.enhanced],
    ["reply", reply?.text],
    ["error", attempt?.error],
    ["category", attempt?.category ?? report?.category],
    ["scope", attempt?.scope],
    ["suppress", attempt?.suppress || report?.suppress || undefined],
    ["tls", attempt?.tls],
    ["next_attempt", attempt?.next_attempt],
    ["queued_ms", attempt?.queued_ms],
    ["connect_ms", attempt?.connect_ms],
    ["tls_ms", attempt?.tls_ms],
    ["transaction_ms", attempt?.transaction_ms],
    ["wire.dns_ms", attempt?.wire?.dns_ms],
    ["wire.greeting_ms", attempt?.wire?.greeting_ms],
    ["wire.ehlo_ms", attempt?.wire?.ehlo_ms],
    ["wire.mail_ms", attempt?.wire?.mail_ms],
    ["wire.rcpt_ms", attempt?.wire?.rcpt_ms],
    ["wire.data_ms", attempt?.wire?.data_ms],
    ["wire.dot_ms", attempt?.wire?.dot_ms],
    ["wire.sent_bytes", attempt?.wire?.sent_bytes],
    ["wire.banner", attempt?.wire?.banner],
    ["wire.extensions", attempt?.wire?.extensions],
    ["wire.session", attempt?.wire?.session],
    ["wire.message_number", attempt?.wire?.message_number],
    ["wire.chunked", attempt?.wire?.chunked || undefined],
    ["wire.converted", attempt?.wire?.converted || undefined],
    ["wire.lost_after_dot", attempt?.wire?.lost_after_dot || undefined],
    ["wire.without_dsn", attempt?.wire?.without_dsn || undefined],
    ["tls_use.policy", attempt?.tls_use?.policy],
    ["tls_use.verified", attempt?.tls_use?.verified],
    ["report", report?.what],
    ["reporter", report?.reporter],
    ["link", touch?.link],
    ["url", touch?.url],
    ["client", touch?.client],
    ["user_agent", touch?.user_agent],
    ["method", touch?.method],
    ["target", control?.target],
    ["target_name", control?.name],
    ["action", control?.action],
    ["value", control?.value],
    ["until", control?.until],
    ["by", control?.by],
    ["note", event.note],
    ["sender", event.sender],
    ["stream", event.stream],
    ["tenant", event.tenant],
    ["job", event.job],
    ["campaign", event.campaign],
    ["message", event.message],
    ["recipient", event.recipient],
    ["contact", event.contact],
    ["list", event.list],
    ["size_bytes", event.size_bytes],
    ["id", event.id],
  ];
  return pairs.flatMap(([field, value]) =>
    value === undefined || value === null || value === ""
      ? []
      : [{ field, value: String(value), searchable: !NOT_SEARCHABLE.has(field) && !field.includes(".") }],
  );
}

/** What was said or done, in one line, for tables. */
export function summaryOf(event: MailEvent): string {
  const reply = event.attempt?.reply ?? event.report?.reply ?? event.control?.reply;
  if (event.control) {
    const { target, name, action, value, by } = event.control;
    return [`${action} ${target} ${name}`, value, `(${by})`].filter(Boolean).join(" ");
  }
  if (reply) return [reply.code, reply.enhanced, reply.text.replaceAll("\n", " ")].filter(Boolean).join(" ");
  if (event.attempt?.error) return event.attempt.error;
  if (event.touch?.url) return event.touch.url;
  if (event.report) return [event.report.what, event.report.reporter].filter(Boolean).join(" · ");
  return event.note ?? event.touch?.user_agent ?? "";
}
