// Says in words that the program does not answer, and since when: figures that no longer move look like a calm day.
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useLive } from "~/api/live";
import { useFormat } from "~/hooks/useFormat";
import { Icon } from "~/ui/Icon";
import classes from "./ConnectionLost.module.css";

export function ConnectionLost() {
  const { t } = useTranslation();
  const format = useFormat();
  const client = useQueryClient();
  const { lostAt } = useLive();
  const lost = lostAt !== null;
  const was = useRef(false);
  // Back again: what stands on the page is asked for anew.
  useEffect(() => {
    if (was.current && !lost) void client.invalidateQueries();
    was.current = lost;
  }, [lost, client]);
  if (!lost) return null;
  return (
    <p className={classes.lost} role="alert">
      <Icon name="error" size={16} />
      <span>
        <b>{t("live.lostSince", { time: format.clock(lostAt) })}</b> {t("live.lostHint")}
      </span>
    </p>
  );
}
