// What holds for a domain: where its mail would go, and under which limits, with who set each of them.
import { Button, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { resolveQuery, sourcesQuery } from "~/api/delivery";
import { Loaded } from "~/components/Loaded";
import { TextLink } from "~/components/links";
import { RecordButton } from "~/components/RecordButton";
import { Icon } from "~/ui/Icon";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { EmptyState } from "~/ui/States";
import { ResolutionView } from "./ResolutionView";
import classes from "./Resolve.module.css";

export function ResolvePage() {
  const { t } = useTranslation();
  const { domain = "", source = "" } = useSearch({ from: "/app/delivery/resolve" });
  const query = useQuery({ ...resolveQuery(domain, source), enabled: domain !== "" });
  return (
    <Page
      title={t("resolve.title")}
      trail={<TextLink to="/delivery/queues">{t("delivery.queuesTitle")}</TextLink>}
      meta={t("resolve.hint")}
      actions={query.data ? <RecordButton about={{ domain: query.data.domain }} /> : null}
    >
      <Question domain={domain} source={source} />
      {domain === "" ? (
        <Panel>
          <EmptyState icon="search" title={t("resolve.start")}>
            {t("resolve.startHint")}
          </EmptyState>
        </Panel>
      ) : (
        <Loaded query={query} lines={12} gone={<NoSource source={source} />}>
          {(data) => <ResolutionView data={data} />}
        </Loaded>
      )}
    </Page>
  );
}

function Question({ domain, source }: { domain: string; source: string }) {
  const { t } = useTranslation();
  const navigate = useNavigate({ from: "/delivery/resolve" });
  const sources = useQuery(sourcesQuery);
  const [text, setText] = useState(domain);
  useEffect(() => setText(domain), [domain]);
  const ask = (search: { domain?: string; source?: string | null }) =>
    navigate({
      search: {
        domain: (search.domain ?? text).trim() || undefined,
        source: (search.source === undefined ? source : search.source) || undefined,
      },
    });
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        ask({});
      }}
    >
      <TextInput
        className={classes.field}
        label={t("resolve.field")}
        placeholder="example.org"
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <Select
        className={classes.source}
        label={t("numbers.source")}
        placeholder={t("resolve.allSources")}
        data={sources.data?.items.map((entry) => entry.name) ?? []}
        value={source || null}
        onChange={(value) => ask({ source: value })}
        clearable
        clearButtonProps={{ "aria-label": t("resolve.allSources") }}
      />
      <Button type="submit" leftSection={<Icon name="search" size={14} />}>
        {t("resolve.ask")}
      </Button>
    </form>
  );
}

function NoSource({ source }: { source: string }) {
  const { t } = useTranslation();
  return (
    <Panel>
      <EmptyState icon="source" title={t("resolve.noSource", { source })}>
        {t("resolve.noSourceHint")}
      </EmptyState>
    </Panel>
  );
}
