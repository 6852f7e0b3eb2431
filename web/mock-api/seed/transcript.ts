// SMTP dialogues as the program keeps them.
import type { Reply } from "../../app/api/types";

interface Dialogue {
  source: { name: string; address: string; ehlo_name: string };
  mx: string;
  sender: string;
  address: string;
  reply: Reply;
  phase: "rcpt-to" | "dot" | "greeting";
}

function lines(reply: Reply): string {
  const text = [reply.enhanced, reply.text].filter(Boolean).join(" ");
  return `S: ${reply.code} ${text}`;
}

export function makeTranscript({ source, mx, sender, address, reply, phase }: Dialogue): string {
  if (phase === "greeting") return lines(reply);
  const head = [
    `S: 220 ${mx} ESMTP ready`,
    `C: EHLO ${source.ehlo_name}`,
    `S: 250-${mx} at your service, [${source.address}]`,
    "S: 250-SIZE 157286400",
    "S: 250-8BITMIME",
    "S: 250-STARTTLS",
    "S: 250-ENHANCEDSTATUSCODES",
    "S: 250-PIPELINING",
    "S: 250 SMTPUTF8",
    "C: STARTTLS",
    "S: 220 2.0.0 Ready to start TLS",
    "TLSv1.3, TLS13_AES_256_GCM_SHA384",
    `C: EHLO ${source.ehlo_name}`,
    `S: 250-${mx} at your service, [${source.address}]`,
    "S: 250-SIZE 157286400",
    "S: 250 PIPELINING",
    `C: MAIL FROM:<${sender}> SIZE=14820`,
    `C: RCPT TO:<${address}>`,
    "C: DATA",
    "S: 250 2.1.0 OK",
  ];
  if (phase === "rcpt-to")
    return [...head, lines(reply), "S: 503 5.5.1 RCPT first", "C: RSET", "S: 250 2.1.5 Flushed"].join("\n");
  return [...head, "S: 250 2.1.5 OK", "S: 354 Go ahead", "C: (message, 14820 bytes)", "C: .", lines(reply)].join("\n");
}
