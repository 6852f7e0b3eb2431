// The way of a CSV file into a list: choose, check the columns, watch, look at what was rejected.
import { Stepper } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { listQuery, previewImport } from "~/api/contacts";
import { TextLink } from "~/components/links";
import { Problem } from "~/components/Problem";
import { Page } from "~/ui/Page";
import { Panel } from "~/ui/Panel";
import { ChooseFile } from "./ChooseFile";
import classes from "./ImportPage.module.css";
import { ImportProgress } from "./ImportProgress";
import { MapColumns } from "./MapColumns";

export function ImportPage() {
  const { t } = useTranslation();
  const { listId } = useParams({ from: "/app/lists/$listId/import" });
  const { import: running } = useSearch({ from: "/app/lists/$listId/import" });
  const navigate = useNavigate({ from: "/lists/$listId/import" });
  const list = useQuery(listQuery(listId));
  const [file, setFile] = useState<File | null>(null);
  const preview = useMutation({ mutationFn: (chosen: File) => previewImport(listId, chosen) });
  const step = running ? 2 : file && preview.data ? 1 : 0;
  const choose = (chosen: File) => {
    setFile(chosen);
    preview.mutate(chosen);
  };
  const restart = () => {
    setFile(null);
    preview.reset();
    void navigate({ search: {}, replace: true });
  };
  return (
    <Page
      title={t("contacts.importTitle")}
      trail={
        <TextLink to="/lists/$listId" params={{ listId }}>
          {list.data?.name ?? t("contacts.listTrail")}
        </TextLink>
      }
      meta={list.data ? t("contacts.importInto", { name: list.data.name }) : null}
    >
      <Stepper active={step} size="xs" iconSize={26} allowNextStepsSelect={false} className={classes.steps}>
        <Stepper.Step label={t("contacts.steps.file")} />
        <Stepper.Step label={t("contacts.steps.columns")} />
        <Stepper.Step label={t("contacts.steps.run")} />
      </Stepper>
      <Panel>
        {running ? (
          <ImportProgress id={running} listId={listId} onAgain={restart} />
        ) : file && preview.data ? (
          <MapColumns
            listId={listId}
            file={file}
            preview={preview.data}
            onBack={restart}
            onStarted={(id) => navigate({ search: { import: id }, replace: true })}
          />
        ) : (
          <>
            <ChooseFile onChoose={choose} busy={preview.isPending} />
            {preview.isError ? <Problem error={preview.error} /> : null}
          </>
        )}
      </Panel>
    </Page>
  );
}
