// What a throttle does and who set it, in the language of the page.
import type { TFunction } from "i18next";
import { useCallback, useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { PathLimits, Throttle } from "~/api/types";
import { useFormat } from "~/hooks/useFormat";
import { causeOf, type LimitPart, limitsIn } from "~/util/throttle-words";

export interface ThrottleWords {
  /** `Slowed to 1 connection`, `Suspended`. */
  effect: string;
  /** `until 09:42`; empty when a person has to end it. */
  until: string;
  /** `by rule orange-connections`. */
  cause: string;
  /** Where it stands or how it went wrong, for a tooltip. */
  detail: string | null;
}

/** An action of a rule, such as `suspend` or `1 connection`. */
export function useActionWords(): (action: string) => string {
  const { t } = useTranslation();
  return useCallback(
    (action) =>
      action === "suspend" ? t("delivery.suspendAction") : (limitsIn(action)?.map(limitWords(t)).join(", ") ?? action),
    [t],
  );
}

function limitWords(t: TFunction): (part: LimitPart) => string {
  return (part) =>
    part.kind === "rate"
      ? part.text
      : t(part.kind === "connections" ? "delivery.connectionsNow" : "delivery.perConnectionNow", { count: part.count });
}

export function useThrottleWords(): (throttle: Throttle, limits?: PathLimits) => ThrottleWords {
  const { t } = useTranslation();
  const format = useFormat();
  return useMemo(() => {
    const valuesOf = (throttle: Throttle, limits: PathLimits | undefined): string[] => {
      const values: string[] = [];
      if (limits && limits.connections_now < limits.connections)
        values.push(t("delivery.connectionsNow", { count: limits.connections_now }));
      if (limits?.rate_now && limits.rate_now !== limits.rate) values.push(limits.rate_now);
      if (values.length > 0) return values;
      return (limitsIn(throttle.reason) ?? []).map(limitWords(t));
    };
    const causeIn = (throttle: Throttle): [string, string | null] => {
      const cause = causeOf(throttle);
      switch (cause.kind) {
        case "rule":
          return [t("delivery.byRule", { name: cause.name }), cause.place];
        case "controller":
          return [t("delivery.byController"), null];
        case "failures":
          return [t("delivery.byFailures"), cause.error];
        case "person":
          return [t("delivery.by", { by: cause.name }), null];
        case "other":
          return [cause.text, null];
      }
    };
    return (throttle, limits) => {
      const values = throttle.stopped ? [] : valuesOf(throttle, limits);
      const slowed = values.length > 0 ? t("delivery.slowedTo", { value: values.join(", ") }) : t("delivery.slowed");
      const [cause, detail] = causeIn(throttle);
      return {
        effect: throttle.stopped ? t("delivery.suspended") : slowed,
        until: throttle.until ? t("delivery.until", { time: format.clock(throttle.until) }) : "",
        cause,
        detail,
      };
    };
  }, [t, format]);
}
