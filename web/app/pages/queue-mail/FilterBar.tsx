// The filter: typed, or clicked together; its terms as chips that can be taken away; what can be asked for.
import { Button, Pill, Popover, Select, TextInput } from "@mantine/core";
import { type FormEvent, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "~/ui/Icon";
import { termsOf, withoutTerm } from "~/util/queue-filter";
import { QUEUE_SORTS, type QueueSort } from "~/util/states";
import classes from "./QueueMail.module.css";

/** Example and meaning of what people ask for most. */
const EXAMPLES = [
  ["address:anna@example.org", "address"],
  ["domain:gmail.com", "domain"],
  ["provider:orange older:2h", "age"],
  ["campaign:0cq2v7m9hk3xa", "campaign"],
  ["tenant:shop stream:bulk", "owner"],
  ["category:rate-limited", "category"],
  ["state:held", "state"],
  ["source:ip-1 attempts:3", "source"],
] as const;

export interface FilterBarProps {
  filter: string;
  sort: QueueSort;
  onFilter: (filter: string) => void;
  onSort: (sort: QueueSort) => void;
}

export function FilterBar({ filter, sort, onFilter, onSort }: FilterBarProps) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(filter);
  // Whoever clicks a group or goes back sees the filter that holds.
  useEffect(() => setTyped(filter), [filter]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onFilter(typed.trim());
  };
  return (
    <div>
      <form className={classes.bar} onSubmit={submit}>
        <TextInput
          className={classes.field}
          aria-label={t("queueMail.filter")}
          placeholder={t("queueMail.placeholder")}
          leftSection={<Icon name="search" size={14} />}
          value={typed}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Button type="submit" variant="default">
          {t("queueMail.find")}
        </Button>
        <Select
          className={classes.sort}
          aria-label={t("queueMail.sort")}
          data={QUEUE_SORTS.map((value) => ({ value, label: t(`queueMail.sorts.${value}`) }))}
          value={sort}
          allowDeselect={false}
          onChange={(value) => onSort((value as QueueSort | null) ?? "due")}
        />
        <FilterHelp onPick={onFilter} />
      </form>
      {filter ? (
        <div className={classes.chips}>
          {termsOf(filter).map(({ term, value }) => (
            <Pill
              key={term}
              withRemoveButton
              onRemove={() => onFilter(withoutTerm(filter, term))}
              removeButtonProps={{
                "aria-label": t("queueMail.removeTerm", { term }),
                "aria-hidden": false,
                tabIndex: 0,
              }}
            >
              {term}: <b>{value}</b>
            </Pill>
          ))}
        </div>
      ) : null}
    </div>
  );
}

function FilterHelp({ onPick }: { onPick: (filter: string) => void }) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" width={380} withArrow trapFocus>
      <Popover.Target>
        <Button
          variant="subtle"
          leftSection={<Icon name="help" size={14} />}
          aria-expanded={opened}
          onClick={() => setOpened((before) => !before)}
        >
          {t("queueMail.help")}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <p className={classes.helpText}>{t("queueMail.helpText")}</p>
        <dl className={classes.help}>
          {EXAMPLES.map(([example, key]) => (
            <div key={key}>
              <dt>
                <button
                  type="button"
                  className={classes.example}
                  onClick={() => {
                    onPick(example);
                    setOpened(false);
                  }}
                >
                  {example}
                </button>
              </dt>
              <dd>{t(`queueMail.examples.${key}`)}</dd>
            </div>
          ))}
        </dl>
      </Popover.Dropdown>
    </Popover>
  );
}
