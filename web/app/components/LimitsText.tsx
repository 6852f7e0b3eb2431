// Limits of a path or provider as one short line.
import { useTranslation } from "react-i18next";
import type { PathLimits } from "~/api/types";

export function LimitsText({
  limits,
}: {
  limits: Pick<PathLimits, "connections" | "messages_per_connection" | "rate">;
}) {
  const { t } = useTranslation();
  return (
    <span style={{ display: "block", fontSize: "0.75rem" }}>
      <span className="nowrap">{t("delivery.limitConnections", { count: limits.connections })}</span>
      {" · "}
      <span className="nowrap">{t("delivery.limitPerConnection", { count: limits.messages_per_connection })}</span>
      {limits.rate ? (
        <>
          {" · "}
          <span className="nowrap">{limits.rate}</span>
        </>
      ) : null}
    </span>
  );
}
