// A day, picked or typed; in the language of the page.
import "@mantine/dates/styles.css";
import "dayjs/locale/fr";
import { DateInput } from "@mantine/dates";
import { useTranslation } from "react-i18next";

export interface DateFieldProps {
  label: string;
  /** `2026-11-23`. */
  value: string | null;
  onChange: (value: string | null) => void;
  readOnly?: boolean;
}

export function DateField({ label, value, onChange, readOnly = false }: DateFieldProps) {
  const { t, i18n } = useTranslation();
  return (
    <DateInput
      label={label}
      locale={i18n.language}
      valueFormat={i18n.language === "fr" ? "D MMMM YYYY" : "D MMM YYYY"}
      value={value}
      onChange={(day) => onChange(day ?? null)}
      readOnly={readOnly}
      clearable
      clearButtonProps={{ "aria-label": t("actions.remove") }}
    />
  );
}
