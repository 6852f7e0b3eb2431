// Facts in two columns: name and value.
import { Fragment, type ReactNode } from "react";
import classes from "./KeyValue.module.css";

export function KeyValue({ items }: { items: { label: ReactNode; value: ReactNode }[] }) {
  return (
    <dl className={classes.list}>
      {items.map((item, index) => (
        <Fragment key={index}>
          <dt>{item.label}</dt>
          <dd>{item.value}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
