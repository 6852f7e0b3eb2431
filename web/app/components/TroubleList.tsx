// Providers that slow mail down or refuse it: why in one sentence, what is done about it, what they say, and the way to the
// replies and to one recipient's dialogue.
import { Button } from "@mantine/core";
import type { TFunction } from "i18next";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useFormat } from "~/hooks/useFormat";
import { useProviderInfo } from "~/hooks/useProviderInfo";
import { Icon } from "~/ui/Icon";
import { Tag } from "~/ui/Tag";
import { searchOf, type Trouble } from "~/util/trouble";
import { FailureLinks } from "./FailureLinks";
import { TextLink } from "./links";
import classes from "./TroubleList.module.css";
import { useThrottleWords } from "./useThrottleWords";

/** Shown at once; the rest on demand. */
const FIRST = 5;

export function TroubleList({ troubles, alone = false }: { troubles: Trouble[]; alone?: boolean }) {
  const { t } = useTranslation();
  const [all, setAll] = useState(false);
  const shown = all ? troubles : troubles.slice(0, FIRST);
  return (
    <>
      <ul className={classes.list}>
        {shown.map((trouble) => (
          <TroubleItem key={trouble.provider} trouble={trouble} alone={alone} />
        ))}
      </ul>
      {troubles.length > shown.length ? (
        <div className={classes.more}>
          <Button variant="subtle" size="compact-sm" onClick={() => setAll(true)}>
            {t("trouble.more", { count: troubles.length - shown.length })}
          </Button>
        </div>
      ) : null}
    </>
  );
}

/** What the provider says, in words for people; one of its own for a category that is not known yet. */
function whyOf(t: TFunction, exists: (key: string) => boolean, trouble: Trouble): string {
  const category = trouble.reply?.category;
  const key = `trouble.why.${category}`;
  if (category && exists(key)) return (t as (key: string) => string)(key);
  return trouble.severity === "slowed" || trouble.severity === "stopped" ? t("trouble.held") : t("trouble.unclear");
}

function TroubleItem({ trouble, alone }: { trouble: Trouble; alone: boolean }) {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const { label, postmaster } = useProviderInfo();
  const words = useThrottleWords();
  const { provider, severity, reply, path, attempts, deferred, bounced } = trouble;
  const name = label(provider);
  const held = path?.throttle ? words(path.throttle, path.limits) : null;
  const page = postmaster(provider);
  const counts = [
    deferred > 0 ? t("trouble.deferred", { count: deferred, share: format.share(deferred, attempts) }) : null,
    bounced > 0 ? t("trouble.bounced", { count: bounced, share: format.share(bounced, attempts) }) : null,
  ];
  const q = searchOf(trouble);
  return (
    <li className={classes.item}>
      <div style={{ minWidth: 0 }}>
        <p className={classes.sentence}>
          {alone ? (
            <b>{name}</b>
          ) : (
            <TextLink to="/monitoring/providers/$provider" params={{ provider }} fw={650}>
              {name}
            </TextLink>
          )}{" "}
          {whyOf(t, (key) => i18n.exists(key), trouble)}
        </p>
        <p className={classes.facts}>
          {held && path ? (
            <TextLink
              to="/delivery/queues/$source/$site"
              params={{ source: path.source, site: path.site }}
              title={[held.cause, held.detail].filter(Boolean).join(" · ")}
            >
              <Tag tone={severity === "stopped" ? "bad" : "warn"} dot>
                {[held.effect, held.until].filter(Boolean).join(" · ")}
              </Tag>
            </TextLink>
          ) : (
            <Tag tone={severity === "refuses" ? "bad" : "warn"} dot>
              {t(`trouble.severity.${severity}`)}
            </Tag>
          )}
          {trouble.paths > 1 && trouble.held > 0 ? (
            <span>{t("trouble.paths", { count: trouble.held, all: trouble.paths })}</span>
          ) : null}
          {counts.map((fact) => (fact ? <span key={fact}>{fact}</span> : null))}
        </p>
        {reply ? (
          <p
            className={`mono clamp-2 ${classes.quote}`}
            data-kind={reply.code >= 500 ? "bounced" : "deferred"}
            title={reply.sample}
          >
            {reply.template}
          </p>
        ) : null}
      </div>
      <div className={classes.links}>
        {reply || deferred + bounced > 0 ? <FailureLinks q={q} /> : null}
        {page && !alone ? (
          <Button
            component="a"
            variant="subtle"
            size="compact-sm"
            href={page}
            target="_blank"
            rel="noreferrer noopener"
            aria-label={t("monitoring.postmaster", { name })}
            leftSection={<Icon name="external" size={13} />}
          >
            {t("monitoring.postmasterPage")}
          </Button>
        ) : null}
      </div>
    </li>
  );
}
