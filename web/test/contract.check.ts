// Compared by the compiler, never run: what the program says it answers (generated) against what the UI expects
// (types/). A line that does not compile is a page that would break. Run by `npm run contract`, which
// renews the generated side from docs/generated/openapi.json first; not part of the build.
import type { components } from "../app/api/__generated__/schema";
import type * as ui from "../app/api/types";

type Answer = components["schemas"];

/** Optional values of the generated side are there or null, as serde writes them. */
type Written<T> = T extends (infer Item)[]
  ? Written<Item>[]
  : T extends object
    ? { [Key in keyof T]-?: Written<Exclude<T[Key], undefined>> }
    : T;

type Fits<Expected, Given extends Expected> = Given;

export type Checked = [
  Fits<Omit<ui.Account, "language">, Written<Answer["Account"]>>,
  Fits<ui.ApiKey, Written<Answer["ApiKey"]>>,
  Fits<ui.CreatedApiKey, Written<Answer["NewApiKeySecret"]>>,
  Fits<ui.List, Written<Answer["List"]>>,
  Fits<Omit<ui.Contact, "fields">, Written<Answer["Contact"]>>,
  Fits<ui.ImportPreview, Written<Answer["ImportPreview"]>>,
  Fits<ui.Import, Written<Answer["Import"]>>,
  Fits<ui.Suppression, Written<Answer["Suppression"]>>,
  Fits<ui.SuppressionsAdded, Written<Answer["SuppressionsAdded"]>>,
  Fits<ui.Campaign, Written<Answer["Campaign"]>>,
  Fits<ui.CampaignCheck, Written<Answer["CampaignCheck"]>>,
  Fits<ui.Rendered, Written<Answer["Rendered"]>>,
  Fits<ui.CampaignReport, Written<Answer["CampaignReport"]>>,
  Fits<ui.CampaignRecipient, Written<Answer["CampaignRecipient"]>>,
  Fits<ui.Receipt, Written<Answer["TestReceipt"]>>,
  Fits<ui.Queues, Written<Answer["Snapshot"]>>,
  Fits<ui.QueuePath, Written<Answer["PathView"]>>,
  Fits<ui.Explanation, Written<Answer["Explanation"]>>,
  Fits<ui.ControlResult, Written<Answer["Done"]>>,
  Fits<ui.Source, Written<Answer["SourceView"]>>,
  Fits<ui.Pool, Written<Answer["Pool"]>>,
  Fits<ui.ProviderRules, Written<Answer["ProviderView"]>>,
  Fits<ui.NowDashboard, Written<Answer["NowDashboard"]>>,
  Fits<ui.ProviderDashboard, Written<Answer["ProviderDashboard"]>>,
  Fits<ui.ProvidersSummary, Written<Answer["ProvidersSummary"]>>,
  Fits<ui.RecipientHistory, Written<Answer["RecipientHistory"]>>,
  Fits<ui.MessageHistory, Written<Answer["MessageHistory"]>>,
  Fits<ui.EventPage, Written<Answer["EventsPage"]>>,
  Fits<ui.QueryResult, Written<Answer["QueryResult"]>>,
];
