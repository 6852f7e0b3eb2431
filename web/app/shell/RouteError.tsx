// A page that could not be drawn: says why, lets one try again.
import { type ErrorComponentProps, useRouter } from "@tanstack/react-router";
import { Problem } from "~/components/Problem";

export function RouteError({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const retry = () => {
    reset();
    void router.invalidate();
  };
  return (
    <div style={{ padding: 24, maxWidth: 720 }}>
      <Problem error={error} retry={retry} />
    </div>
  );
}
