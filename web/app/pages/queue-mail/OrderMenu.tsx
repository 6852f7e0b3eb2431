// Orders about everybody who matches: a menu, then a question that counts first.
import { Button, Menu } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { BulkAction } from "~/api/types";
import { usePermissions } from "~/components/usePermission";
import { Icon, type IconName } from "~/ui/Icon";
import { OrderDialog } from "./OrderDialog";

const ORDERS = [
  ["hold", "pause"],
  ["requeue", "send"],
  ["reroute", "source"],
  ["prioritise", "sortUp"],
  ["expire", "history"],
  ["cancel", "trash"],
] as const satisfies readonly (readonly [BulkAction, IconName])[];

export type OrderAction = (typeof ORDERS)[number][0];

export function OrderMenu({ filter, total }: { filter: string; total: number }) {
  const { t } = useTranslation();
  const { delivery } = usePermissions();
  const [asked, setAsked] = useState<OrderAction | null>(null);
  if (!delivery) return null;
  return (
    <>
      <Menu position="bottom-end" withArrow>
        <Menu.Target>
          <Button rightSection={<Icon name="chevronDown" size={14} />}>
            {t("queueMail.withThese", { count: total })}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {ORDERS.map(([action, icon]) => (
            <Menu.Item
              key={action}
              leftSection={<Icon name={icon} size={14} />}
              {...(action === "cancel" || action === "expire" ? { color: "red" } : {})}
              onClick={() => setAsked(action)}
            >
              {t(`queueMail.orders.${action}.name`)}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {asked ? <OrderDialog action={asked} filter={filter} onClose={() => setAsked(null)} /> : null}
    </>
  );
}
