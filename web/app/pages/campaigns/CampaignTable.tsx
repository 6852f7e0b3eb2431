// The table of campaigns.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Campaign } from "~/api/types";
import { CampaignProgress, finishedOf } from "~/components/CampaignProgress";
import { TextLink } from "~/components/links";
import { CampaignStateTag } from "~/components/StateTags";
import { Time } from "~/components/Time";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Dash } from "~/ui/Dash";
import { Pieces } from "~/ui/Pieces";
import { share } from "~/util/format";
import classes from "./CampaignsPage.module.css";

export function CampaignTable({ campaigns }: { campaigns: Campaign[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const columns = useMemo<Column<Campaign>[]>(() => {
    const rate = (
      id: string,
      header: string,
      part: (row: Campaign) => number,
      of: "sent" | "delivered",
    ): Column<Campaign> => ({
      id,
      header,
      base: t(`report.base.${of}`),
      align: "right",
      sort: (row) => share(part(row), bases[of](row)) ?? -1,
      cell: (row) => (row.counts ? format.share(part(row), bases[of](row)) : <Dash />),
    });
    const bases = {
      delivered: (row: Campaign) => row.counts?.delivered ?? 0,
      sent: (row: Campaign) => row.counts?.handed_over ?? 0,
    };
    return [
      {
        id: "name",
        header: t("campaigns.name"),
        primary: true,
        grow: true,
        sort: (row) => row.name,
        cell: (row) => (
          <span className={classes.name}>
            <TextLink
              to={row.state === "draft" ? "/campaigns/$campaignId/edit" : "/campaigns/$campaignId"}
              params={{ campaignId: row.id }}
              fw={600}
            >
              {row.name}
            </TextLink>
            <span className={classes.subject}>
              {row.subject_pieces.length > 0 ? <Pieces pieces={row.subject_pieces} /> : t("campaigns.noSubject")}
            </span>
          </span>
        ),
      },
      {
        id: "state",
        header: t("campaigns.state"),
        sort: (row) => row.state,
        cell: (row) => <CampaignStateTag state={row.state} />,
      },
      {
        id: "progress",
        header: t("campaigns.progress"),
        primary: true,
        sort: (row) => (row.counts ? (share(finishedOf(row.counts), row.counts.audience) ?? 0) : -1),
        cell: (row) => (row.counts ? <ProgressCell campaign={row} /> : <Dash />),
      },
      rate("delivered", t("campaigns.deliveredRate"), (row) => row.counts?.delivered ?? 0, "sent"),
      rate("bounced", t("campaigns.bounced"), (row) => row.counts?.bounced ?? 0, "sent"),
      rate("expired", t("campaigns.expired"), (row) => row.counts?.expired ?? 0, "sent"),
      rate("opened", t("campaigns.opened"), (row) => row.counts?.opens ?? 0, "delivered"),
      rate("clicked", t("campaigns.clicked"), (row) => row.counts?.clicks ?? 0, "delivered"),
      rate("complained", t("campaigns.complained"), (row) => row.counts?.complaints ?? 0, "delivered"),
      {
        id: "started",
        header: t("campaigns.started"),
        align: "right",
        sort: (row) => row.started_at ?? row.created_at,
        cell: (row) =>
          row.started_at ? (
            <Time at={row.started_at} />
          ) : (
            <span className="muted">
              {t("campaigns.created")}
              <br />
              <Time at={row.created_at} />
            </span>
          ),
      },
    ];
  }, [t, format]);
  return (
    <DataTable
      caption={t("campaigns.title")}
      columns={columns}
      rows={campaigns}
      rowKey={(row) => row.id}
      small="cards"
    />
  );
}

function ProgressCell({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation();
  const format = useFormat();
  const counts = campaign.counts;
  if (!counts) return null;
  const done = campaign.state === "sent";
  return (
    <span className={classes.progress}>
      <CampaignProgress counts={counts} />
      <span className={classes.progressText}>
        {done
          ? format.number(counts.audience)
          : t("campaigns.progressOf", {
              done: format.number(finishedOf(counts)),
              total: format.number(counts.audience),
            })}
      </span>
    </span>
  );
}
