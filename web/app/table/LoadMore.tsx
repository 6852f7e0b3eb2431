// The foot of a list that comes in pages: how many are shown, and a button for the next ones.
import { Button } from "@mantine/core";
import classes from "./LoadMore.module.css";

export interface LoadMoreProps {
  shown: string;
  label: string;
  hasMore: boolean;
  loading: boolean;
  onMore: () => void;
}

export function LoadMore({ shown, label, hasMore, loading, onMore }: LoadMoreProps) {
  return (
    <div className={classes.foot}>
      <span className="muted">{shown}</span>
      {hasMore ? (
        <Button variant="default" onClick={onMore} loading={loading}>
          {label}
        </Button>
      ) : null}
    </div>
  );
}
