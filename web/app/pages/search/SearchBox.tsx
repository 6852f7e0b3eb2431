// The box itself: help at hand, and an error shown at the character where it is.
import { Button, Popover, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { ApiError } from "~/api/errors";
import { Icon } from "~/ui/Icon";
import { markAt } from "~/util/query-text";
import classes from "./SearchPage.module.css";
import { SyntaxHelp } from "./SyntaxHelp";

interface SearchBoxProps {
  value: string;
  onSearch: (q: string) => void;
  trouble: ApiError | null;
  busy: boolean;
}

export function SearchBox({ value, onSearch, trouble, busy }: SearchBoxProps) {
  const { t } = useTranslation();
  const [text, setText] = useState(value);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onSearch(text.trim());
      }}
    >
      <div className={classes.box}>
        <TextInput
          className={classes.input}
          size="sm"
          aria-label={t("search.label")}
          placeholder={t("search.placeholder")}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          leftSection={<Icon name="search" size={15} />}
          error={trouble !== null}
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="none"
          styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }}
        />
        <Popover position="bottom-end" width={440} trapFocus>
          <Popover.Target>
            <Button size="sm" variant="default">
              {t("search.help")}
            </Button>
          </Popover.Target>
          <Popover.Dropdown>
            <SyntaxHelp />
          </Popover.Dropdown>
        </Popover>
        <Button size="sm" type="submit" loading={busy}>
          {t("search.run")}
        </Button>
      </div>
      {trouble ? <Trouble text={value} trouble={trouble} onSearch={onSearch} /> : null}
    </form>
  );
}

function Trouble({ text, trouble, onSearch }: { text: string; trouble: ApiError; onSearch: (q: string) => void }) {
  const { t } = useTranslation();
  const position = trouble.position ?? 0;
  const { before, marked, after } = markAt(text, position, trouble.length);
  const suggestion = trouble.suggestion;
  return (
    <div className={classes.trouble} role="alert">
      <pre className={`mono ${classes.text}`}>
        {before}
        <mark>{marked || " "}</mark>
        {after}
      </pre>
      <p>
        <b>{t("search.errorAt", { position: position + 1, message: trouble.message })}</b>{" "}
        {suggestion ? (
          <Button variant="default" size="compact-xs" onClick={() => onSearch(before + suggestion + after)}>
            {t("search.didYouMean", { suggestion })}
          </Button>
        ) : (
          t("search.errorHint")
        )}
      </p>
    </div>
  );
}
