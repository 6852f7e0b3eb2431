// Chooses one contact by address; empty means sample values.
import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { contactQuery, contactSuggestionsQuery } from "~/api/contacts";
import { Icon } from "~/ui/Icon";

export interface ContactPickerProps {
  value: string | null;
  onChange: (contact: string | null) => void;
  list: string | null;
}

export function ContactPicker({ value, onChange, list }: ContactPickerProps) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [wanted] = useDebouncedValue(typed, 250);
  const chosen = useQuery({ ...contactQuery(value ?? ""), enabled: value !== null });
  const isChosen = chosen.data?.address === wanted;
  const found = useQuery(contactSuggestionsQuery(isChosen ? "" : wanted, list));
  const options = new Map((found.data?.items ?? []).map((contact) => [contact.id, contact.address]));
  if (chosen.data) options.set(chosen.data.id, chosen.data.address);
  return (
    <Select
      size="xs"
      style={{ flex: 1, minWidth: 170 }}
      aria-label={t("editor.as")}
      placeholder={t("editor.sample")}
      leftSection={<Icon name="contact" size={14} />}
      searchable
      clearable
      value={value}
      onChange={onChange}
      searchValue={typed}
      onSearchChange={setTyped}
      filter={({ options: all }) => all}
      data={[...options].map(([id, address]) => ({ value: id, label: address }))}
      nothingFoundMessage={t("editor.nobody")}
      clearButtonProps={{ "aria-label": t("editor.sample") }}
    />
  );
}
