// An SMTP dialogue to be read: what they said on one side, what we said on the other, the deciding reply in colour.
import { useTranslation } from "react-i18next";
import { parseTranscript, type Turn } from "~/util/transcript";
import classes from "./Transcript.module.css";

export function Transcript({ text }: { text: string }) {
  const { t } = useTranslation();
  const turns = parseTranscript(text);
  const lastServer = turns.findLastIndex(
    (turn) => turn.side === "server" && (turn.severity === 4 || turn.severity === 5),
  );
  return (
    <ol className={classes.dialogue} aria-label={t("history.transcript")}>
      {turns.map((turn, index) => (
        <li
          key={index}
          data-side={turn.side}
          data-severity={turn.severity ?? undefined}
          data-deciding={index === lastServer || undefined}
        >
          <span className={classes.who} title={sideTitle(turn)}>
            {turn.side === "note" ? "" : t(`history.${turn.side}`)}
          </span>
          <span className={classes.lines}>
            {turn.lines.map((line, at) => (
              <span key={at} className={classes.line}>
                {turn.side === "server" ? <ServerLine line={line} /> : line}
              </span>
            ))}
          </span>
        </li>
      ))}
    </ol>
  );

  function sideTitle(turn: Turn): string | undefined {
    if (turn.side === "note") return undefined;
    return t(turn.side === "client" ? "history.clientLine" : "history.serverLine");
  }
}

function ServerLine({ line }: { line: string }) {
  const match = /^(\d{3}[ -]?)(.*)$/.exec(line);
  if (!match) return <>{line}</>;
  return (
    <>
      <b className={classes.code}>{match[1]}</b>
      {match[2]}
    </>
  );
}
