// One provider: limits in the head, rules and what is in force when opened.
import { Anchor, Collapse, UnstyledButton } from "@mantine/core";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { ProviderRules, RuleDetail } from "~/api/types";
import { LimitsText } from "~/components/LimitsText";
import { TextLink } from "~/components/links";
import { ThrottleNote } from "~/components/ThrottleNote";
import { Icon } from "~/ui/Icon";
import { Tag } from "~/ui/Tag";
import classes from "./ProviderCard.module.css";
import { RulesTable } from "./RulesTable";

export interface ProviderCardProps {
  provider: ProviderRules;
  /** Its own rules; undefined while they are not known. */
  rules: RuleDetail[] | undefined;
  open: boolean;
}

export function ProviderCard({ provider, rules, open }: ProviderCardProps) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(open);
  const id = useId();
  const active = provider.active.length;
  const { label } = provider;
  return (
    <section className={classes.card}>
      <UnstyledButton
        className={classes.head}
        aria-expanded={opened}
        aria-controls={id}
        onClick={() => setOpened(!opened)}
      >
        <Icon name={opened ? "chevronDown" : "chevronRight"} size={16} />
        <span className={classes.name}>
          <b>{label}</b>
          <span className="mono muted">{provider.suffixes.join("  ")}</span>
        </span>
        <span className={classes.limits}>
          <LimitsText limits={provider} />
        </span>
        <Tag tone={active > 0 ? "warn" : "neutral"} dot={active > 0}>
          {active > 0 ? t("delivery.activeNow", { count: active }) : t("delivery.nothingActive")}
        </Tag>
      </UnstyledButton>
      <Collapse expanded={opened} id={id}>
        <div className={classes.body}>
          {active > 0 ? (
            <div>
              <h3>{t("delivery.activeTitle")}</h3>
              {provider.active.map((entry) => (
                <div key={`${entry.source}/${entry.site}`} className={classes.active}>
                  <TextLink to="/delivery/queues/$source/$site" params={{ source: entry.source, site: entry.site }}>
                    {entry.source} → {entry.site}
                  </TextLink>
                  <ThrottleNote throttle={entry.throttle} />
                </div>
              ))}
            </div>
          ) : null}
          <div>
            <h3>{t("delivery.rulesTitle")}</h3>
            {rules === undefined ? null : rules.length > 0 ? (
              <RulesTable rules={rules} caption={t("rules.of", { name: label })} />
            ) : (
              <p className="muted">{t("delivery.noRules")}</p>
            )}
          </div>
          <p className={classes.foot}>
            <span>
              {t("delivery.tlsIs", { tls: t(`delivery.tlsNames.${provider.tls}`) })} ·{" "}
              {t("delivery.setByWhom", { by: provider.set_by })}
            </span>
            <TextLink to="/monitoring/providers/$provider" params={{ provider: provider.name }}>
              {t("delivery.dashboard", { name: label })}
            </TextLink>
            <TextLink to="/delivery/resolve">{t("resolve.open")}</TextLink>
            {provider.postmaster_url ? (
              <Anchor href={provider.postmaster_url} target="_blank" rel="noreferrer noopener">
                {t("monitoring.postmaster", { name: label })}
              </Anchor>
            ) : null}
          </p>
        </div>
      </Collapse>
    </section>
  );
}
