// What people have held or suspended, with the way back.
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { ControlEntry } from "~/api/types";
import { CampaignName } from "~/components/CampaignName";
import { ControlButton } from "~/components/ControlButton";
import { TextLink } from "~/components/links";
import { Time } from "~/components/Time";
import { type Column, DataTable } from "~/table/DataTable";
import { Panel } from "~/ui/Panel";
import { Tag } from "~/ui/Tag";

/** By its name where it has one, and with the way to it. */
function TargetName({ target }: { target: ControlEntry["target"] }) {
  const { kind, name } = target;
  if (kind === "campaign") return <CampaignName id={name} />;
  if (kind === "message")
    return (
      <TextLink to="/monitoring/messages/$messageId" params={{ messageId: name }}>
        {name}
      </TextLink>
    );
  if (kind === "recipient")
    return (
      <TextLink to="/monitoring/recipients/$recipientId" params={{ recipientId: name }}>
        {name}
      </TextLink>
    );
  return <b>{name}</b>;
}

export function ControlsPanel({ controls }: { controls: ControlEntry[] }) {
  const { t } = useTranslation();
  const columns = useMemo<Column<ControlEntry>[]>(
    () => [
      {
        id: "target",
        header: t("delivery.controlTarget"),
        grow: true,
        primary: true,
        cell: (row) => (
          <>
            {t(`delivery.kinds.${row.target.kind}`)} <TargetName target={row.target} />
          </>
        ),
      },
      {
        id: "action",
        header: t("delivery.controlAction"),
        cell: (row) => <Tag tone="warn">{t(row.action === "hold" ? "delivery.heldWord" : "delivery.suspended")}</Tag>,
      },
      { id: "by", header: t("delivery.setBy"), cell: (row) => row.by },
      { id: "reason", header: t("queueMail.reason"), wide: true, cell: (row) => row.reason || "–" },
      { id: "since", header: t("delivery.since"), cell: (row) => <Time at={row.since} relative /> },
      { id: "until", header: t("delivery.until", { time: "" }).trim(), cell: (row) => <Time at={row.until} /> },
      {
        id: "back",
        header: t("table.actions"),
        primary: true,
        cell: (row) => (
          <ControlButton
            kind={row.target.kind}
            name={row.target.name}
            action={row.action === "hold" ? "release" : "resume"}
            size="compact-sm"
          />
        ),
      },
    ],
    [t],
  );
  if (controls.length === 0) return null;
  return (
    <Panel title={t("delivery.controlsTitle")} flush>
      <DataTable
        caption={t("delivery.controlsTitle")}
        columns={columns}
        rows={controls}
        rowKey={(row) => `${row.target.kind} ${row.target.name} ${row.action}`}
        small="cards"
      />
    </Panel>
  );
}
