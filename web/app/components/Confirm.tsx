// "Are you sure": says what will happen, in numbers where there are any, before it happens.
import { Button, Group, Modal } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

export interface ConfirmProps {
  opened: boolean;
  onClose: () => void;
  title: string;
  children: ReactNode;
  confirm: string;
  /** What the button is called that changes nothing, where "Cancel" could be taken for the act itself. */
  stay?: string;
  danger?: boolean;
  busy?: boolean;
  disabled?: boolean;
  onConfirm: () => void;
}

export function Confirm({
  opened,
  onClose,
  title,
  children,
  confirm,
  stay,
  danger,
  busy,
  disabled,
  onConfirm,
}: ConfirmProps) {
  const { t } = useTranslation();
  return (
    <Modal opened={opened} onClose={onClose} title={title} closeButtonProps={{ "aria-label": t("actions.close") }}>
      {children}
      <Group justify="flex-end" mt="lg" gap="xs">
        <Button variant="default" size="sm" onClick={onClose} data-autofocus>
          {stay ?? t("actions.cancel")}
        </Button>
        <Button
          size="sm"
          {...(danger ? { color: "red" } : {})}
          onClick={onConfirm}
          loading={busy ?? false}
          disabled={disabled ?? false}
        >
          {confirm}
        </Button>
      </Group>
    </Modal>
  );
}
