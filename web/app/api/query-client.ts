// One cache for all answers. A lost session sends the person to the login page, from wherever it shows.
import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { ApiError, isUnauthorised } from "./errors";

export function makeQueryClient(onUnauthorised: () => void): QueryClient {
  const watch = (error: unknown) => {
    if (isUnauthorised(error)) onUnauthorised();
  };
  return new QueryClient({
    queryCache: new QueryCache({ onError: (error, query) => query.meta?.quiet !== true && watch(error) }),
    mutationCache: new MutationCache({
      onError: (error, _vars, _context, mutation) => mutation.meta?.quiet !== true && watch(error),
    }),
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        retry: (count, error) => count < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
        retryDelay: 600,
        refetchOnWindowFocus: true,
      },
    },
  });
}
