// What a page shows when there is nothing, not yet anything, or something went wrong.
import { Skeleton } from "@mantine/core";
import type { ReactNode } from "react";
import { Icon, type IconName } from "./Icon";
import classes from "./States.module.css";

export interface EmptyStateProps {
  icon?: IconName;
  title: ReactNode;
  /** What to do next. */
  children?: ReactNode;
  action?: ReactNode;
}

export function EmptyState({ icon = "mail", title, children, action }: EmptyStateProps) {
  return (
    <div className={classes.empty}>
      <span className={classes.emblem}>
        <Icon name={icon} size={22} />
      </span>
      <p className={classes.title}>{title}</p>
      {children ? <p className={classes.text}>{children}</p> : null}
      {action ? <div className={classes.action}>{action}</div> : null}
    </div>
  );
}

export interface ErrorStateProps {
  title: ReactNode;
  /** How to mend it. */
  children?: ReactNode;
  /** Code and status, for the one who is asked for help. */
  detail?: ReactNode;
  action?: ReactNode;
}

export function ErrorState({ title, children, detail, action }: ErrorStateProps) {
  return (
    <div className={classes.error} role="alert">
      <Icon name="error" size={18} style={{ color: "var(--bad-text)", marginTop: 1 }} />
      <div>
        <p className={classes.title}>{title}</p>
        {children ? <p className={classes.text}>{children}</p> : null}
        {detail ? <p className={classes.detail}>{detail}</p> : null}
        {action ? <div className={classes.action}>{action}</div> : null}
      </div>
    </div>
  );
}

/** Grey lines where a table or a text will stand. */
export function LoadingLines({ lines = 6, label }: { lines?: number; label: string }) {
  return (
    <div className={classes.loading} aria-busy="true" role="status">
      <span className="visually-hidden">{label}</span>
      {Array.from({ length: lines }, (_, index) => (
        <Skeleton key={index} height={14} radius="xs" width={`${92 - ((index * 17) % 40)}%`} />
      ))}
    </div>
  );
}
