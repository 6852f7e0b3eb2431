// Values of a search that nobody knows, such as a provider with two letters swapped: what was probably meant, to be clicked.
import { Button } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { SearchHint } from "~/api/types";
import { Icon } from "~/ui/Icon";
import { markAt, quoteValue } from "~/util/query-text";
import classes from "./SearchPage.module.css";

interface SearchHintsProps {
  q: string;
  hints: SearchHint[];
  onSearch: (q: string) => void;
}

export function SearchHints({ q, hints, onSearch }: SearchHintsProps) {
  const { t, i18n } = useTranslation();
  const fieldName = (field: string) => {
    const key = `search.field.${field}`;
    return i18n.exists(key) ? (t as (key: string) => string)(key) : field;
  };
  return (
    <div className={classes.hints} role="status">
      {hints.map((hint) => {
        const { before, after } = markAt(q, hint.position, hint.length);
        const choices = hint.suggestion ? [hint.suggestion] : hint.known;
        return (
          <p key={hint.position}>
            <Icon name="search" size={14} />
            <span>{t("search.unknownValue", { field: fieldName(hint.field), value: hint.value })}</span>
            {hint.suggestion ? null : <span className="muted">{t("search.knownValues")}</span>}
            {choices.map((choice) => (
              <Button
                key={choice}
                variant="default"
                size="compact-xs"
                onClick={() => onSearch(before + quoteValue(choice) + after)}
              >
                {hint.suggestion ? t("search.didYouMean", { suggestion: choice }) : choice}
              </Button>
            ))}
          </p>
        );
      })}
    </div>
  );
}
