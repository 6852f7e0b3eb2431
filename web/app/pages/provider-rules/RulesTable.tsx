// Rules about replies: what they look like, what is then done, how often that was needed, and whether they act.
import { type ReactNode, useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { RuleDetail } from "~/api/types";
import { ReplyText } from "~/components/ReplyText";
import { Time } from "~/components/Time";
import { useActionWords } from "~/components/useThrottleWords";
import { useFormat } from "~/hooks/useFormat";
import { type Column, DataTable } from "~/table/DataTable";
import { Dash } from "~/ui/Dash";
import { KeyValue } from "~/ui/KeyValue";
import { Tag } from "~/ui/Tag";
import classes from "./Rules.module.css";
import { ShadowButton } from "./ShadowButton";

export function RulesTable({ rules, caption }: { rules: RuleDetail[]; caption: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const action = useActionWords();
  const columns = useMemo<Column<RuleDetail>[]>(
    () => [
      {
        id: "rule",
        header: t("rules.rule"),
        grow: true,
        primary: true,
        cell: (rule) => (
          <>
            <b>{rule.name}</b>
            {rule.patterns.map((pattern) => (
              <span key={pattern} className={classes.pattern}>
                {pattern}
              </span>
            ))}
          </>
        ),
      },
      {
        id: "action",
        header: t("rules.does"),
        wide: true,
        cell: (rule) => (
          <>
            <b className="nowrap">{rule.actions.map(action).join(", ")}</b>
            <span className={classes.below}>
              {t("rules.forAfter", {
                duration: rule.duration,
                threshold: rule.threshold ?? t("delivery.atOnce"),
              })}
            </span>
          </>
        ),
      },
      {
        id: "hits",
        header: t("rules.hits"),
        align: "right",
        sort: (rule) => rule.counts?.hits ?? 0,
        cell: (rule) => (rule.counts ? format.number(rule.counts.hits) : <Dash />),
      },
      {
        id: "fired",
        header: t("rules.fired"),
        align: "right",
        sort: (rule) => rule.counts?.fired ?? 0,
        cell: (rule) => (rule.counts ? format.number(rule.counts.fired) : <Dash />),
      },
      {
        id: "would",
        header: t("rules.wouldFire"),
        align: "right",
        sort: (rule) => rule.counts?.would_have_fired ?? 0,
        cell: (rule) => (rule.counts ? format.number(rule.counts.would_have_fired) : <Dash />),
      },
      { id: "last", header: t("rules.lastAt"), cell: (rule) => <Time at={rule.counts?.last_at} relative /> },
      { id: "state", header: t("delivery.explainState"), cell: (rule) => <RuleState rule={rule} /> },
      { id: "shadow", header: t("table.actions"), wide: true, cell: (rule) => <ShadowButton rule={rule} /> },
    ],
    [t, format, action],
  );
  return (
    <DataTable
      caption={caption}
      columns={columns}
      rows={rules}
      rowKey={(rule) => rule.name}
      small="cards"
      detail={(rule) => <RuleFacts rule={rule} />}
      detailLabel={(rule, open) => t(open ? "rules.less" : "rules.more", { name: rule.name })}
    />
  );
}

function RuleState({ rule }: { rule: RuleDetail }) {
  const { t } = useTranslation();
  if (rule.shadow) return <Tag tone="info">{t("rules.inShadow")}</Tag>;
  const active = rule.active.length;
  return (
    <Tag tone={active > 0 ? "warn" : "neutral"} dot={active > 0}>
      {active > 0 ? t("delivery.activeNow", { count: active }) : t("rules.watches")}
    </Tag>
  );
}

function RuleFacts({ rule }: { rule: RuleDetail }) {
  const { t } = useTranslation();
  const action = useActionWords();
  const last = rule.counts?.last_reply;
  const facts: { label: string; value: ReactNode }[] = [
    { label: t("delivery.lastReply"), value: last ? <ReplyText reply={last} /> : t("rules.never") },
    { label: t("rules.reach"), value: t(`rules.scopes.${rule.scope}`) },
    { label: t("delivery.setBy"), value: [rule.set_by, rule.origin].filter(Boolean).join(" · ") },
  ];
  if (rule.codes.length > 0) facts.push({ label: t("rules.codes"), value: rule.codes.join(", ") });
  if (rule.phases.length > 0) facts.push({ label: t("rules.phases"), value: rule.phases.join(", ") });
  if (rule.samples.length > 0)
    facts.push({ label: t("rules.samples"), value: <span className="mono">{rule.samples.join(" · ")}</span> });
  if (rule.active.length > 0)
    facts.push({
      label: t("delivery.activeTitle"),
      value: (
        <>
          {rule.active.map((entry) => (
            <span key={`${entry.name} ${entry.action}`} className={classes.below}>
              {entry.name}: {entry.action.split(", ").map(action).join(", ")} · {t("rules.until")}{" "}
              <Time at={entry.until} />
            </span>
          ))}
        </>
      ),
    });
  return <KeyValue items={facts} />;
}
