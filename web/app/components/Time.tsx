// A moment: short in the text, in full when pointed at.
import { useFormat } from "~/hooks/useFormat";

export function Time({ at, relative = false }: { at: string | null | undefined; relative?: boolean }) {
  const format = useFormat();
  if (!at) return <span className="muted">–</span>;
  return (
    <time dateTime={at} title={format.full(at)} className="nowrap">
      {relative ? format.relative(at) : format.time(at)}
    </time>
  );
}
