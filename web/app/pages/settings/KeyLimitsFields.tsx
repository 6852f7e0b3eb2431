// What a key may send: fields for its quotas and lists, and the same in words.
import { NumberInput, Stack, TagsInput, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { KeyLimits } from "~/api/types";

/** As it stands in the fields: everything is there, empty where nothing is limited. */
export interface LimitsDraft {
  rate: string;
  perDay: number | "";
  tenants: string[];
  streams: string[];
  pools: string[];
  fromDomains: string[];
}

export function draftOf(limits: KeyLimits | undefined): LimitsDraft {
  return {
    rate: limits?.rate ?? "",
    perDay: limits?.per_day ?? "",
    tenants: limits?.tenants ?? [],
    streams: limits?.streams ?? [],
    pools: limits?.pools ?? [],
    fromDomains: limits?.from_domains ?? [],
  };
}

export function limitsOf(draft: LimitsDraft): KeyLimits {
  return {
    rate: draft.rate.trim() || null,
    per_day: draft.perDay === "" ? null : draft.perDay,
    tenants: draft.tenants,
    streams: draft.streams,
    pools: draft.pools,
    from_domains: draft.fromDomains,
  };
}

export function KeyLimitsFields({ value, onChange }: { value: LimitsDraft; onChange: (value: LimitsDraft) => void }) {
  const { t } = useTranslation();
  const list = (field: "tenants" | "streams" | "pools" | "fromDomains") => (
    <TagsInput
      label={t(`settings.limitNames.${field}`)}
      placeholder={value[field].length === 0 ? t("settings.limitAll") : ""}
      value={value[field]}
      onChange={(names) => onChange({ ...value, [field]: names })}
      maxTags={100}
    />
  );
  return (
    <Stack gap="sm">
      <TextInput
        label={t("settings.limitNames.rate")}
        description={t("settings.rateHint")}
        placeholder="10000/h"
        value={value.rate}
        onChange={(event) => onChange({ ...value, rate: event.currentTarget.value })}
      />
      <NumberInput
        label={t("settings.limitNames.perDay")}
        min={1}
        allowDecimal={false}
        thousandSeparator=" "
        value={value.perDay}
        onChange={(number) => onChange({ ...value, perDay: typeof number === "number" ? number : "" })}
      />
      {list("fromDomains")}
      {list("tenants")}
      {list("streams")}
      {list("pools")}
    </Stack>
  );
}

/** The limits in a line; nothing where there are none. */
export function KeyLimitsText({ limits }: { limits: KeyLimits | undefined }) {
  const { t } = useTranslation();
  const { rate, perDay, fromDomains, tenants, streams, pools } = draftOf(limits);
  const list = (field: "tenants" | "streams" | "pools" | "fromDomains", names: string[]) =>
    names.length > 0 ? t("settings.limitOf", { what: t(`settings.limitNames.${field}`), names: names.join(", ") }) : "";
  const parts = [
    rate,
    perDay === "" ? "" : t("settings.aDay", { count: perDay }),
    list("fromDomains", fromDomains),
    list("tenants", tenants),
    list("streams", streams),
    list("pools", pools),
  ].filter((part) => part !== "");
  return <span className={parts.length === 0 ? "muted" : ""}>{parts.join(" · ") || t("settings.noLimits")}</span>;
}
