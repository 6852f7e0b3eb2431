// Editor and preview side by side; on small screens one after the other.
import { Button, SegmentedControl, Skeleton, TextInput } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useDebouncedValue, useMediaQuery } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { renderQuery } from "~/api/campaigns";
import { fieldsQuery } from "~/api/contacts";
import type { CampaignInput } from "~/api/types";
import { BUILT_IN } from "~/editor/completions";
import type { PlacedIssue } from "~/editor/diagnostics";
import { STARTERS } from "~/editor/starter";
import classes from "./ContentTab.module.css";
import { IssueList } from "./IssueList";
import { Preview } from "./Preview";

const CodeEditor = lazy(() => import("~/editor/CodeEditor"));

/** Pause in typing after which the preview is made anew, in milliseconds. */
const PREVIEW_MS = 400;

interface ContentTabProps {
  form: UseFormReturnType<CampaignInput>;
  readOnly: boolean;
  contact: string | null;
  onContact: (contact: string | null) => void;
}

export function ContentTab({ form, readOnly, contact, onContact }: ContentTabProps) {
  const { t } = useTranslation();
  const { format, body, text, subject, preheader } = form.values;
  const small = useMediaQuery("(max-width: 68em)", false, { getInitialValueInEffect: false });
  const [pane, setPane] = useState<string>("editor");
  const [part, setPart] = useState<string>("body");
  const [goTo, setGoTo] = useState<{ line: number; column: number } | null>(null);
  const fields = useQuery(fieldsQuery);
  const variables = useMemo(
    () => [...BUILT_IN, ...(fields.data?.items ?? []).map((field) => `contact.${field.name}`)],
    [fields.data],
  );
  const request = useMemo(
    () => ({ format, body, text, subject, preheader, contact }),
    [format, body, text, subject, preheader, contact],
  );
  const [settled] = useDebouncedValue(request, PREVIEW_MS);
  const rendered = useQuery({ ...renderQuery(settled), enabled: settled.body !== "" || settled.subject !== "" });
  const issues = useMemo<PlacedIssue[]>(
    () => [
      ...(rendered.data?.errors ?? []).map((issue) => ({ ...issue, severity: "error" as const })),
      ...(rendered.data?.warnings ?? []).map((issue) => ({ ...issue, severity: "warning" as const })),
    ],
    [rendered.data],
  );
  const editing = format !== "text" && part === "text" ? "text" : "body";
  const shownIssues = useMemo(() => issues.filter((issue) => issue.part === editing), [issues, editing]);

  const jump = (issue: PlacedIssue) => {
    setPane("editor");
    setPart(issue.part === "text" ? "text" : "body");
    setGoTo({ line: issue.line ?? 1, column: issue.column ?? 1 });
  };

  const writing = (
    <section className={classes.writing} aria-label={t("editor.source")}>
      <div className={classes.lines}>
        <TextInput label={t("campaigns.subject")} readOnly={readOnly} {...form.getInputProps("subject")} />
        <TextInput label={t("campaigns.preheader")} readOnly={readOnly} {...form.getInputProps("preheader")} />
      </div>
      <div className={classes.bar}>
        {format === "text" ? (
          <span className="muted">{t(`campaigns.formats.${format}`)}</span>
        ) : (
          <SegmentedControl
            size="xs"
            aria-label={t("editor.part")}
            value={editing}
            onChange={setPart}
            data={[
              { value: "body", label: t(`campaigns.formats.${format}`) },
              { value: "text", label: t("editor.textPart") },
            ]}
          />
        )}
        <span className={classes.tip}>
          {editing === "text" && text === "" ? t("editor.textPartHint") : t("editor.escHint")}
        </span>
        {body === "" && !readOnly ? (
          <Button variant="light" onClick={() => form.setFieldValue("body", STARTERS[format])}>
            {t("editor.useTemplate")}
          </Button>
        ) : null}
      </div>
      <div className={classes.editor}>
        <Suspense
          fallback={
            <div aria-busy="true" style={{ height: "100%" }}>
              <Skeleton height="100%" radius={0} />
            </div>
          }
        >
          <CodeEditor
            key={editing}
            value={editing === "text" && format !== "text" ? text : body}
            onChange={(value) => form.setFieldValue(editing === "text" && format !== "text" ? "text" : "body", value)}
            format={editing === "text" ? "text" : format}
            label={t("editor.label", { format: t(`campaigns.formats.${editing === "text" ? "text" : format}`) })}
            variables={variables}
            issues={shownIssues}
            readOnly={readOnly}
            goTo={goTo}
          />
        </Suspense>
      </div>
      <IssueList issues={issues} onGo={jump} />
    </section>
  );

  const preview = (
    <Preview
      rendered={rendered.data}
      error={rendered.error}
      busy={rendered.isFetching}
      contact={contact}
      onContact={onContact}
      list={form.values.list}
      fromName={form.values.from_name}
      fromAddress={form.values.from_address}
    />
  );

  if (!small) {
    return (
      <div className={classes.split}>
        {writing}
        {preview}
      </div>
    );
  }
  return (
    <>
      <SegmentedControl
        fullWidth
        mb="sm"
        size="xs"
        value={pane}
        onChange={setPane}
        aria-label={t("editor.source")}
        data={[
          { value: "editor", label: t("editor.showEditor") },
          { value: "preview", label: t("editor.preview") },
        ]}
      />
      {pane === "editor" ? writing : preview}
    </>
  );
}
