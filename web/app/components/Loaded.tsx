// One query, three faces: loading, error, data. Old data stays while new data comes.
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { LoadingLines } from "~/ui/States";
import { Problem } from "./Problem";

interface QueryLike<T> {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
  refetch: () => unknown;
}

export function Loaded<T>({
  query,
  children,
  lines,
}: {
  query: QueryLike<T>;
  children: (data: T) => ReactNode;
  lines?: number;
}) {
  const { t } = useTranslation();
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isPending) return <LoadingLines label={t("states.loading")} {...(lines ? { lines } : {})} />;
  return <Problem error={query.error} retry={query.refetch} />;
}
