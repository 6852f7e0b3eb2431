// One query, its faces: loading, error, not there, data. Old data stays while new data comes.
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { isNotFound } from "~/api/errors";
import { LoadingLines } from "~/ui/States";
import { Problem } from "./Problem";

interface QueryLike<T> {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
  refetch: () => unknown;
}

export interface LoadedProps<T> {
  query: QueryLike<T>;
  children: (data: T) => ReactNode;
  lines?: number;
  /** Shown when there is no such thing: the way on from here. */
  gone?: ReactNode;
}

export function Loaded<T>({ query, children, lines, gone }: LoadedProps<T>) {
  const { t } = useTranslation();
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isPending) return <LoadingLines label={t("states.loading")} {...(lines ? { lines } : {})} />;
  if (gone !== undefined && isNotFound(query.error)) return <>{gone}</>;
  return <Problem error={query.error} retry={query.refetch} />;
}
