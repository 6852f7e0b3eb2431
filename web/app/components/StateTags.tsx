// States and kinds as tags, in the language of the page.
import { useTranslation } from "react-i18next";
import type { CampaignState, ContactStatus, EventKind, HistoryState } from "~/api/types";
import { Tag } from "~/ui/Tag";
import { campaignTone, contactTone, kindTone, recipientTone } from "./vocabulary";

export function CampaignStateTag({ state }: { state: CampaignState }) {
  const { t } = useTranslation();
  return (
    <Tag tone={campaignTone[state]} dot={state === "sending" ? "live" : true}>
      {t(`campaignState.${state}`)}
    </Tag>
  );
}

export function RecipientStateTag({ state }: { state: HistoryState }) {
  const { t } = useTranslation();
  return (
    <Tag tone={recipientTone[state]} dot>
      {t(`recipientState.${state}`)}
    </Tag>
  );
}

export function ContactStatusTag({ status }: { status: ContactStatus }) {
  const { t } = useTranslation();
  return (
    <Tag tone={contactTone[status]} dot>
      {t(`contactStatus.${status}`)}
    </Tag>
  );
}

export function KindTag({ kind }: { kind: EventKind }) {
  const { t } = useTranslation();
  return <Tag tone={kindTone[kind] ?? "neutral"}>{t(`eventKind.${kind}`)}</Tag>;
}
