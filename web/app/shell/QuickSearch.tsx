// One box for "where is this mail": an address, an id, or a search over events.
import { TextInput } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { forwardRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "~/ui/Icon";
import { Kbd } from "~/ui/Kbd";
import { classify } from "~/util/quick";

export const QuickSearch = forwardRef<HTMLInputElement>(function QuickSearch(_props, ref) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [value, setValue] = useState("");
  const go = () => {
    const target = classify(value);
    if (!target) return;
    setValue("");
    if (target.kind === "id")
      navigate({ to: "/monitoring/recipients/$recipientId", params: { recipientId: target.text } });
    else if (target.kind === "address") navigate({ to: "/monitoring/recipients", search: { address: target.text } });
    else navigate({ to: "/monitoring/search", search: { q: target.text } });
  };
  return (
    <search style={{ flex: 1, maxWidth: 420, marginRight: "auto" }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          go();
        }}
      >
        <TextInput
          ref={ref}
          size="xs"
          aria-label={t("quick.label")}
          placeholder={t("quick.placeholder")}
          value={value}
          onChange={(event) => setValue(event.currentTarget.value)}
          leftSection={<Icon name="search" size={14} />}
          rightSection={
            <span className="only-keyboard">
              <Kbd>/</Kbd>
            </span>
          }
          rightSectionPointerEvents="none"
          autoComplete="off"
          spellCheck={false}
        />
      </form>
    </search>
  );
});
