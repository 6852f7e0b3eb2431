import { MantineProvider } from "@mantine/core";
import { cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { type Column, DataTable } from "./DataTable";

afterEach(cleanup);

interface Row {
  name: string;
  count: number;
}

const rows: Row[] = [
  { name: "beta", count: 2 },
  { name: "alpha", count: 10 },
  { name: "gamma", count: 1 },
];

const columns: Column<Row>[] = [
  { id: "name", header: "Name", cell: (row) => row.name, sort: (row) => row.name },
  { id: "count", header: "Count", align: "right", cell: (row) => row.count, sort: (row) => row.count },
];

function show(extra: Partial<Parameters<typeof DataTable<Row>>[0]> = {}) {
  render(
    <MantineProvider>
      <DataTable caption="Things" columns={columns} rows={rows} rowKey={(row) => row.name} {...extra} />
    </MantineProvider>,
  );
}

const names = () =>
  screen
    .getAllByRole("row")
    .slice(1)
    .map((row) => within(row).getAllByRole("cell")[0]?.textContent);

it("keeps the given order until a head is pressed", () => {
  show();
  expect(names()).toEqual(["beta", "alpha", "gamma"]);
  fireEvent.click(screen.getByRole("button", { name: "Name" }));
  expect(names()).toEqual(["alpha", "beta", "gamma"]);
});

it("sorts numbers as numbers, the largest first", () => {
  show({ initialSort: { id: "count", desc: true } });
  expect(names()).toEqual(["alpha", "beta", "gamma"]);
  expect(screen.getByRole("columnheader", { name: "Count" }).getAttribute("aria-sort")).toBe("descending");
});

it("opens the detail of one row", () => {
  show({
    detail: (row) => <p>More of {row.name}</p>,
    detailLabel: (row, open) => `${open ? "Hide" : "Show"} ${row.name}`,
  });
  fireEvent.click(screen.getByRole("button", { name: "Show alpha" }));
  expect(screen.getByText("More of alpha")).toBeTruthy();
  expect(screen.getByRole("button", { name: "Hide alpha" }).getAttribute("aria-expanded")).toBe("true");
});

it("says so when there is nothing", () => {
  show({ rows: [], empty: <p>Nothing here</p> });
  expect(screen.getByText("Nothing here")).toBeTruthy();
});
