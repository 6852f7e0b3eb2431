// Copies a text; says so.
import { ActionIcon, CopyButton as MantineCopy, Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Icon } from "~/ui/Icon";

export function CopyButton({ text, label }: { text: string; label?: string }) {
  const { t } = useTranslation();
  return (
    <MantineCopy value={text} timeout={1500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? t("actions.copied") : (label ?? t("actions.copy"))}>
          <ActionIcon variant="subtle" color="gray" size="sm" onClick={copy} aria-label={label ?? t("actions.copy")}>
            <Icon name={copied ? "check" : "copy"} size={14} />
          </ActionIcon>
        </Tooltip>
      )}
    </MantineCopy>
  );
}
