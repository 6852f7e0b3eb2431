// The frame of a page: heading, one line of context, actions, then panels.
import { type ReactNode, useEffect } from "react";
import classes from "./Page.module.css";

export interface PageProps {
  title: ReactNode;
  /** For the browser's title; needed when `title` is not a plain text. */
  plainTitle?: string;
  /** What stands before the title: where this page belongs. */
  trail?: ReactNode;
  /** A tag beside the title. */
  badge?: ReactNode;
  /** Tags and facts beside or under the title. */
  meta?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  /** Full width for tables and editors; `narrow` for forms. */
  width?: "full" | "narrow";
}

export function Page({ title, plainTitle, trail, badge, meta, actions, children, width = "full" }: PageProps) {
  const documentTitle = plainTitle ?? (typeof title === "string" ? title : "");
  useEffect(() => {
    document.title = documentTitle ? `${documentTitle} · iES` : "iES";
  }, [documentTitle]);
  return (
    <div className={classes.page} data-width={width}>
      <header className={classes.header}>
        <div className={classes.heading}>
          {trail ? <div className={classes.trail}>{trail}</div> : null}
          <div className={classes.titleRow}>
            <h1 className={classes.title}>{title}</h1>
            {badge}
          </div>
          {meta ? <div className={classes.meta}>{meta}</div> : null}
        </div>
        {actions ? <div className={classes.actions}>{actions}</div> : null}
      </header>
      <div className={classes.content}>{children}</div>
    </div>
  );
}
