// Key figures of a campaign, in two rows: what became of the mail (adds up to what was sent), and what people did with it.
import { Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Campaign, CampaignReport } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { Icon } from "~/ui/Icon";
import { Stat, StatStrip } from "~/ui/Stat";
import classes from "./ReportPage.module.css";

export function ReportFigures({ report, campaign }: { report: CampaignReport; campaign: Campaign }) {
  return (
    <>
      <Outcomes report={report} />
      <Reactions report={report} campaign={campaign} />
    </>
  );
}

/** What the parts of a sum are called, in the order in which they are added. */
const PARTS = ["delivered", "bounced", "expired", "suppressed", "queued"] as const;

function Outcomes({ report }: { report: CampaignReport }) {
  const { t } = useTranslation();
  const format = useFormat();
  const back = report.came_back > 0 ? t("report.ofWhichCameBack", { count: report.came_back }) : null;
  const parts = PARTS.map((part) => {
    const words = `${format.number(report[part])} ${t(`report.sum.${part}`)}`;
    return part === "delivered" && back ? `${words} (${back})` : words;
  });
  return (
    <div>
      <StatStrip label={t("report.outcomes")}>
        <Stat
          label={t("report.sent")}
          value={format.number(report.sent)}
          note={t("report.ofAudience", { share: format.share(report.sent, report.audience) })}
        />
        {PARTS.map((part) => (
          <Stat
            key={part}
            label={<Explained label={t(`report.outcome.${part}`)} text={t(`report.explain.${part}`)} />}
            value={format.number(report[part])}
            note={
              <>
                <span className={classes.line}>
                  {t("report.ofSent", { share: format.share(report[part], report.sent) })}
                </span>
                {part === "delivered" && back ? <span className={classes.line}>{back}</span> : null}
              </>
            }
          />
        ))}
      </StatStrip>
      <p className={classes.sum}>
        {t("report.sum.line", { sent: format.number(report.sent), parts: parts.join(" + ") })}
      </p>
    </div>
  );
}

function Reactions({ report, campaign }: { report: CampaignReport; campaign: Campaign }) {
  const { t } = useTranslation();
  const format = useFormat();
  const rate = (part: number) => format.share(part, report.delivered);
  const people = (count: number) => (
    <span className={classes.line}>{t("report.ofDelivered", { people: t("report.peopleN", { count }) })}</span>
  );
  const touch = (kind: "opens" | "clicks", counted: boolean) => (
    <Stat
      label={<Explained label={t(`report.${kind}`)} text={t(`report.explain.${kind}`)} />}
      value={counted ? rate(report[kind].unique) : "–"}
      note={
        counted ? (
          <>
            {people(report[kind].unique)}
            <span className={classes.line}>
              {t(`report.${kind}InAll`, { count: report[kind].total })}
              {report[kind].automatic > 0 ? `, ${t("report.ofWhichAutomatic", { count: report[kind].automatic })}` : ""}
            </span>
          </>
        ) : (
          t("report.notCounted")
        )
      }
    />
  );
  return (
    <StatStrip label={t("report.figures")}>
      {touch("opens", campaign.track_opens)}
      {touch("clicks", campaign.track_clicks)}
      <Stat label={t("report.unsubscribed")} value={rate(report.unsubscribes)} note={people(report.unsubscribes)} />
      <Stat label={t("report.complained")} value={rate(report.complaints)} note={people(report.complaints)} />
    </StatStrip>
  );
}

/** A label that says what it counts when it is pointed at or reached by keyboard. */
function Explained({ label, text }: { label: string; text: string }) {
  return (
    <Tooltip label={text} multiline w={280} events={{ hover: true, focus: true, touch: true }}>
      <button type="button" className={classes.explained}>
        {label}
        <Icon name="question" size={12} />
        <span className="visually-hidden">{text}</span>
      </button>
    </Tooltip>
  );
}
