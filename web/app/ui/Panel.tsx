// A sheet of paper with a heading: the building block of pages.
import type { ReactNode } from "react";
import classes from "./Panel.module.css";

export interface PanelProps {
  title?: ReactNode;
  /** One line under the title. */
  hint?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  /** Without inner padding, for tables. */
  flush?: boolean;
  id?: string;
  className?: string | undefined;
}

export function Panel({ title, hint, actions, children, flush = false, id, className }: PanelProps) {
  return (
    <section className={[classes.panel, className].filter(Boolean).join(" ")} id={id}>
      {title || actions ? (
        <header className={classes.header}>
          <div className={classes.heading}>
            {title ? <h2 className={classes.title}>{title}</h2> : null}
            {hint ? <p className={classes.hint}>{hint}</p> : null}
          </div>
          {actions ? <div className={classes.actions}>{actions}</div> : null}
        </header>
      ) : null}
      <div className={classes.body} data-flush={flush || undefined}>
        {children}
      </div>
    </section>
  );
}
