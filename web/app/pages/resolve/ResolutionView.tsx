// The answer for one domain: way, sources with their limits, retries, shared limits, rules.
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Resolution, SourceResolution } from "~/api/types";
import { TextLink } from "~/components/links";
import { ThrottleNote } from "~/components/ThrottleNote";
import { useActionWords } from "~/components/useThrottleWords";
import { useProviderInfo } from "~/hooks/useProviderInfo";
import { KeyValue } from "~/ui/KeyValue";
import { Panel } from "~/ui/Panel";
import { ErrorState } from "~/ui/States";
import { Tag } from "~/ui/Tag";
import { LimitsOrigins } from "./LimitsOrigins";
import classes from "./Resolve.module.css";

export function ResolutionView({ data }: { data: Resolution }) {
  const { t } = useTranslation();
  return (
    <>
      {data.trouble ? (
        <ErrorState title={t("resolve.trouble")} detail={data.trouble}>
          {t("resolve.troubleHint")}
        </ErrorState>
      ) : null}
      <div className="two-columns">
        <Panel title={t("resolve.way", { domain: data.domain })}>
          <Way data={data} />
        </Panel>
        <Panel title={t("resolve.retries")} hint={t("resolve.retriesHint")}>
          <Lines>
            {data.retries.map((retry) => (
              <Said key={`${retry.value} ${retry.set_by}`} {...retry} />
            ))}
            <Said value={t("resolve.maxAge", { age: data.max_age.value })} set_by={data.max_age.set_by} />
          </Lines>
          <Shared data={data} />
        </Panel>
      </div>
      {data.live ? null : <p className="muted">{t("resolve.notLive")}</p>}
      <div className={classes.sources}>
        {data.sources.map((source) => (
          <SourcePanel key={source.name} source={source} />
        ))}
      </div>
      {data.sources_left_out > 0 ? (
        <p className="muted">{t("resolve.leftOut", { count: data.sources_left_out })}</p>
      ) : null}
      <Panel title={t("resolve.rules")} hint={t("resolve.rulesHint")}>
        <Rules data={data} />
      </Panel>
    </>
  );
}

function Way({ data }: { data: Resolution }) {
  const { t } = useTranslation();
  const { label } = useProviderInfo();
  return (
    <KeyValue
      items={[
        {
          label: t("resolve.hosts"),
          value:
            data.hosts.length === 0 ? (
              t("resolve.noHosts")
            ) : (
              <Lines>
                {data.hosts.map((host) => (
                  <li key={host.name}>
                    {host.preference} <b>{host.name}</b>{" "}
                    <span className={classes.by}>{host.trouble ?? host.addresses.join(", ")}</span>
                  </li>
                ))}
              </Lines>
            ),
        },
        { label: t("delivery.site"), value: data.site ?? "–" },
        {
          label: t("numbers.provider"),
          value: data.provider ? (
            <>
              <TextLink to="/delivery/providers" search={{ name: data.provider }} underline="always">
                {label(data.provider)}
              </TextLink>{" "}
              {data.origin ? <span className={classes.by}>{data.origin}</span> : null}
            </>
          ) : (
            t("resolve.noProvider")
          ),
        },
        {
          label: t("resolve.stream"),
          value: data.stream_as ? t("resolve.streamAs", { stream: data.stream, as: data.stream_as }) : data.stream,
        },
        { label: t("delivery.pool"), value: <TextLink to="/delivery/sources">{data.pool}</TextLink> },
        { label: t("resolve.priority"), value: data.priority },
      ]}
    />
  );
}

function Shared({ data }: { data: Resolution }) {
  const { t } = useTranslation();
  if (data.groups.length === 0) return null;
  return (
    <>
      <h3 className={classes.shared}>{t("resolve.shared")}</h3>
      <Lines>
        {data.groups.map((group) => (
          <li key={group.name}>
            <b>{group.limits}</b> {group.budget}
            {group.perhaps ? ` (${t("resolve.perhaps")})` : ""} <span className={classes.by}>{group.set_by}</span>
          </li>
        ))}
      </Lines>
    </>
  );
}

function SourcePanel({ source }: { source: SourceResolution }) {
  const { t } = useTranslation();
  const path = source.now;
  return (
    <Panel
      title={source.name}
      hint={[
        source.address ?? t("delivery.anyAddress"),
        source.ehlo_name,
        source.standby ? t("resolve.standby") : t("resolve.weight", { weight: source.weight }),
      ].join(" · ")}
      actions={
        path ? (
          <TextLink to="/delivery/queues/$source/$site" params={{ source: path.source, site: path.site }}>
            {t("resolve.path")}
          </TextLink>
        ) : undefined
      }
      flush
    >
      {path?.throttle ? (
        <div className={classes.facts}>
          <ThrottleNote throttle={path.throttle} limits={path.limits} />
        </div>
      ) : null}
      <LimitsOrigins source={source} />
    </Panel>
  );
}

function Rules({ data }: { data: Resolution }) {
  const { t } = useTranslation();
  const action = useActionWords();
  if (data.rules.length === 0) return <p className="muted">{t("delivery.noRules")}</p>;
  return (
    <Lines>
      {data.rules.map((rule) => (
        <li key={rule.name}>
          <b>{rule.name}</b> {rule.actions.map(action).join(", ")} ({t(`rules.scopes.${rule.scope}`)}){" "}
          {rule.shadow ? <Tag tone="info">{t("rules.inShadow")}</Tag> : null}{" "}
          <span className={classes.by}>{rule.set_by}</span>
        </li>
      ))}
    </Lines>
  );
}

const Lines = ({ children }: { children: ReactNode }) => <ul className={classes.lines}>{children}</ul>;

function Said({ value, set_by }: { value: string; set_by: string }) {
  return (
    <li>
      {value} <span className={classes.by}>{set_by}</span>
    </li>
  );
}
