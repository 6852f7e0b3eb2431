// An own time range: from, to.
import "@mantine/dates/styles.css";
import "dayjs/locale/fr";
import { DateTimePicker } from "@mantine/dates";
import { useTranslation } from "react-i18next";

interface OwnRangeProps {
  from: string | undefined;
  to: string | undefined;
  onChange: (change: { from?: string | undefined; to?: string | undefined }) => void;
}

export function OwnRange({ from, to, onChange }: OwnRangeProps) {
  const { t, i18n } = useTranslation();
  const shared = {
    size: "xs" as const,
    w: 180,
    clearable: true,
    clearButtonProps: { "aria-label": t("actions.remove") },
    locale: i18n.language,
    valueFormat: "D MMM YYYY HH:mm",
  };
  return (
    <>
      <DateTimePicker
        {...shared}
        aria-label={t("search.from")}
        placeholder={t("search.from")}
        value={local(from)}
        onChange={(value) => onChange({ from: utc(value) })}
      />
      <DateTimePicker
        {...shared}
        aria-label={t("search.to")}
        placeholder={t("search.to")}
        value={local(to)}
        onChange={(value) => onChange({ to: utc(value) })}
      />
    </>
  );
}

/** The picker speaks local time as text, the address and the program speak UTC. */
function local(at: string | undefined): string | null {
  if (!at) return null;
  const date = new Date(at);
  const shifted = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19).replace("T", " ");
}

function utc(value: string | null): string | undefined {
  return value ? new Date(value.replace(" ", "T")).toISOString() : undefined;
}
