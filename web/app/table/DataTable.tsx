// The one table of the house: sortable where it makes sense, a detail row on demand, cards or side-scroll on small screens.
import {
  createSortedRowModel,
  rowSortingFeature,
  type SortingState,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { Fragment, type ReactNode, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "~/ui/Icon";
import classes from "./DataTable.module.css";

export interface Column<T> {
  id: string;
  /** Also the label of the value in card form. */
  header: string;
  /** Of a rate: what it is a share of, under the header. */
  base?: string;
  cell: (row: T) => ReactNode;
  /** Makes the column sortable by this value. */
  sort?: (row: T) => number | string;
  align?: "right";
  /** Takes the room that is left. */
  grow?: boolean;
  /** The heading of the card on small screens. */
  primary?: boolean;
  /** As a card: a line of its own, with its header; for what is broader than a number. */
  wide?: boolean;
  /** Hidden under this width of the window. */
  hideBelow?: "sm" | "md" | "lg";
}

export interface DataTableProps<T> {
  /** For screen readers: what this table shows. */
  caption: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  /** Small screens: `cards` turns each row into a card, `scroll` keeps the grid and scrolls it sideways. */
  small?: "cards" | "scroll";
  initialSort?: { id: string; desc: boolean };
  /** A row that can be opened. */
  detail?: (row: T) => ReactNode;
  detailLabel?: (row: T, open: boolean) => string;
  /** Shown when there are no rows. */
  empty?: ReactNode;
  /** Grows no taller than this; the head stays in view. */
  maxHeight?: number | string;
}

const features = tableFeatures({ rowSortingFeature, sortedRowModel: createSortedRowModel() });

function compare(left: number | string, right: number | string): number {
  return typeof left === "string" || typeof right === "string"
    ? String(left).localeCompare(String(right))
    : left - right;
}

export function DataTable<T extends object>(props: DataTableProps<T>) {
  const {
    caption,
    columns,
    rows,
    rowKey,
    small = "scroll",
    initialSort,
    detail,
    detailLabel,
    empty,
    maxHeight,
  } = props;
  const [sorting, setSorting] = useState<SortingState>(initialSort ? [initialSort] : []);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const { t } = useTranslation();
  const definitions = useMemo(
    () =>
      columns.map((column) => ({
        id: column.id,
        accessorFn: (row: T) => column.sort?.(row) ?? "",
        enableSorting: column.sort !== undefined,
        sortDescFirst: column.align === "right",
        sortFn: (a: { original: T }, b: { original: T }) =>
          compare(column.sort?.(a.original) ?? "", column.sort?.(b.original) ?? ""),
      })),
    [columns],
  );
  const table = useTable({
    features,
    columns: definitions,
    data: rows,
    state: { sorting },
    onSortingChange: setSorting,
  });
  const span = columns.length + (detail ? 1 : 0);
  if (rows.length === 0 && empty) return <>{empty}</>;

  const toggle = (key: string) =>
    setOpened((before) => {
      const after = new Set(before);
      if (!after.delete(key)) after.add(key);
      return after;
    });

  return (
    <>
      <section
        ref={watchWidth}
        className={classes.scroll}
        data-small={small}
        style={{ maxHeight }}
        aria-label={caption}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        tabIndex={0}
      >
        {/* biome-ignore-start lint/a11y/noRedundantRoles: as cards the rows are no table boxes any more; the roles keep the meaning */}
        <table className={classes.table} role="table">
          <caption className="visually-hidden">{caption}</caption>
          <thead role="rowgroup">
            <tr role="row">
              {detail ? <th scope="col" className={classes.toggle} role="columnheader" aria-label={caption} /> : null}
              {columns.map((column) => (
                <HeaderCell
                  key={column.id}
                  column={column}
                  sorted={sortedAs(sorting, column.id)}
                  onSort={() => table.getColumn(column.id)?.toggleSorting()}
                />
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {table.getRowModel().rows.map(({ original: row }) => {
              const key = rowKey(row);
              const open = opened.has(key);
              return (
                <Fragment key={key}>
                  <tr role="row" data-open={open || undefined}>
                    {detail ? (
                      <td className={classes.toggle} role="cell">
                        <button
                          type="button"
                          aria-expanded={open}
                          aria-label={detailLabel?.(row, open) ?? key}
                          onClick={() => toggle(key)}
                        >
                          <Icon name={open ? "chevronDown" : "chevronRight"} size={14} />
                        </button>
                      </td>
                    ) : null}
                    {columns.map((column) => (
                      <td
                        key={column.id}
                        role="cell"
                        data-label={column.base ? `${column.header} (${column.base})` : column.header}
                        data-align={column.align}
                        data-grow={column.grow || undefined}
                        data-primary={column.primary || undefined}
                        data-wide={column.wide || undefined}
                        data-hide={column.hideBelow}
                      >
                        {column.cell(row)}
                      </td>
                    ))}
                  </tr>
                  {open && detail ? (
                    <tr role="row" className={classes.detail}>
                      <td role="cell" colSpan={span}>
                        {detail(row)}
                      </td>
                    </tr>
                  ) : null}
                </Fragment>
              );
            })}
          </tbody>
        </table>
        {/* biome-ignore-end lint/a11y/noRedundantRoles: see above */}
      </section>
      <p className={classes.more} aria-hidden="true">
        {t("table.more")}
      </p>
    </>
  );
}

function HeaderText<T>({ column }: { column: Column<T> }) {
  if (!column.base) return <>{column.header}</>;
  return (
    <span>
      {column.header} <span className={classes.base}>{column.base}</span>
    </span>
  );
}

/** Marks a table that is wider than its box (`data-wide`), and one of which more stands to the right (`data-more`). */
function watchWidth(box: HTMLElement | null): (() => void) | undefined {
  if (!box) return undefined;
  const look = () => {
    const hidden = box.scrollWidth - box.clientWidth;
    box.toggleAttribute("data-wide", hidden > 1);
    box.toggleAttribute("data-more", hidden - box.scrollLeft > 1);
  };
  const observer = new ResizeObserver(look);
  observer.observe(box);
  if (box.firstElementChild) observer.observe(box.firstElementChild);
  box.addEventListener("scroll", look, { passive: true });
  return () => {
    observer.disconnect();
    box.removeEventListener("scroll", look);
  };
}

type Sorted = "ascending" | "descending" | "none";

function sortedAs(sorting: SortingState, id: string): Sorted {
  const entry = sorting.find((known) => known.id === id);
  if (!entry) return "none";
  return entry.desc ? "descending" : "ascending";
}

interface HeaderCellProps<T> {
  column: Column<T>;
  sorted: Sorted;
  onSort: () => void;
}

function HeaderCell<T>({ column, sorted, onSort }: HeaderCellProps<T>) {
  const shared = { "data-align": column.align, "data-grow": column.grow || undefined, "data-hide": column.hideBelow };
  if (!column.sort) {
    return (
      <th scope="col" {...shared}>
        <HeaderText column={column} />
      </th>
    );
  }
  return (
    <th scope="col" aria-sort={sorted} {...shared}>
      <button type="button" className={classes.sort} onClick={onSort}>
        <HeaderText column={column} />
        <Icon
          name={sorted === "ascending" ? "sortUp" : "sortDown"}
          size={12}
          className={sorted === "none" ? classes.unsorted : undefined}
        />
      </button>
    </th>
  );
}
