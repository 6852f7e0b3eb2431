// What those who match have in common, as bars: a click asks for only those.
import { useTranslation } from "react-i18next";
import type { QueueGroup, QueueGroups } from "~/api/types";
import { CampaignTitle } from "~/components/CampaignName";
import { useFormat } from "~/hooks/useFormat";
import { Panel } from "~/ui/Panel";
import classes from "./QueueMail.module.css";

const KINDS = [
  ["providers", "provider"],
  ["domains", "domain"],
  ["campaigns", "campaign"],
  ["jobs", "job"],
  ["tenants", "tenant"],
  ["streams", "stream"],
  ["states", "state"],
] as const;

/** Bars of one kind; what is smaller is found with the filter. */
const SHOWN = 5;

export interface GroupsPanelProps {
  groups: QueueGroups | undefined;
  total: number;
  onPick: (term: string, value: string) => void;
}

export function GroupsPanel({ groups, total, onPick }: GroupsPanelProps) {
  const { t } = useTranslation();
  if (!groups || total === 0) return null;
  return (
    <Panel title={t("queueMail.groups")} hint={t("queueMail.groupsHint")}>
      <div className={classes.groups}>
        {KINDS.filter(([key]) => groups[key].length > 0).map(([key, term]) => (
          <section key={key} aria-label={t(`queueMail.by.${term}`)}>
            <h3 className={classes.groupTitle}>{t(`queueMail.by.${term}`)}</h3>
            {groups[key].slice(0, SHOWN).map((group) => (
              <GroupBar key={group.name} term={term} group={group} total={total} onPick={onPick} />
            ))}
          </section>
        ))}
      </div>
    </Panel>
  );
}

interface GroupBarProps {
  term: (typeof KINDS)[number][1];
  group: QueueGroup;
  total: number;
  onPick: (term: string, value: string) => void;
}

function GroupBar({ term, group, total, onPick }: GroupBarProps) {
  const { t } = useTranslation();
  const format = useFormat();
  // The rest of a long list is nothing to ask for.
  const rest = group.name.startsWith("(");
  const name =
    term === "state" && !rest ? (
      t(`delivery.states.${group.name as "scheduled"}`)
    ) : term === "campaign" && !rest ? (
      <CampaignTitle id={group.name} />
    ) : rest ? (
      t("queueMail.others")
    ) : (
      group.name
    );
  return (
    <button type="button" className={classes.group} disabled={rest} onClick={() => onPick(term, group.name)}>
      <span className={classes.fill} style={{ width: `${(group.recipients / total) * 100}%` }} aria-hidden="true" />
      <span className={classes.groupName}>{name}</span>
      <span className="num">{format.number(group.recipients)}</span>
    </button>
  );
}
