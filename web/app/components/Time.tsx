// A moment: short in the text, in full when pointed at.
import { useFormat } from "~/hooks/useFormat";
import { Dash } from "~/ui/Dash";

export interface TimeProps {
  at: string | null | undefined;
  /** "3 minutes ago" instead of the clock. */
  relative?: boolean;
  /** For events, where the second matters. */
  seconds?: boolean;
}

export function Time({ at, relative = false, seconds = false }: TimeProps) {
  const format = useFormat();
  if (!at) return <Dash />;
  return (
    <time dateTime={at} title={format.full(at)} className="nowrap">
      {relative ? format.relative(at) : format.time(at, seconds)}
    </time>
  );
}
