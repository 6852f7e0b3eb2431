// What an error says, in the language of the page: the program speaks English, its codes speak every language.
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "~/api/errors";

/** Codes whose sentence is the same whatever happened: there the sentence of the page says all. */
const WHOLE = ["unauthenticated", "wrong-credentials", "forbidden", "not-found", "internal", "unavailable"] as const;
/** Codes whose sentence says something of its own; it is kept behind that of the page. */
const PARTLY = ["invalid", "conflict", "too-large", "too-many-requests", "method-not-allowed"] as const;

function member<T extends string>(list: readonly T[], code: string): T | undefined {
  return list.find((known) => known === code);
}

export function useErrorWords(): (error: unknown) => string {
  const { t, i18n } = useTranslation();
  const own = i18n.language.startsWith("en");
  return useCallback(
    (error: unknown) => {
      if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
      if (error.status === 0) return t("errors.noAnswerMend");
      if (own) return error.message;
      const whole = member(WHOLE, error.code);
      if (whole) return t(`errors.codes.${whole}`);
      const partly = member(PARTLY, error.code);
      return partly
        ? t("errors.inItsWords", { text: t(`errors.codes.${partly}`), words: error.message })
        : error.message;
    },
    [t, own],
  );
}
