// Campaigns: settings, content, checks, sending, report. Opens and clicks count recipients, not requests.
import type { Schemas } from "./schema";

export type CampaignState = Schemas["CampaignState"];
export type ContentFormat = Schemas["Format"];
export type CampaignCounts = Schemas["CampaignCounts"];
export type Campaign = Schemas["Campaign"];

/** What a form holds of a campaign. `POST` and `PATCH` take any of these. */
export type CampaignInput = Omit<Pick<Campaign, keyof Schemas["CampaignInput"]>, "version">;
/** A change on top of a version; refused as stale when there is a newer one. */
export type CampaignChange = Partial<CampaignInput> & { version: number };

/** The parts that are templates. An issue may also name a setting, such as `from_address`. */
export type ContentPart = "subject" | "preheader" | "body" | "text";
export type ContentIssue = Schemas["ContentIssue"];
export type CampaignCheck = Schemas["CampaignCheck"];

export type RenderRequest = Schemas["RenderRequest"];
export type Rendered = Schemas["Rendered"];

export type CampaignReport = Schemas["CampaignReport"];
/** `deferred` is those waiting for another attempt now, `deferrals` the attempts that failed for the moment. */
export type ReportProvider = Schemas["ProviderReport"];

export type RecipientState = Schemas["RecipientState"];
/** Filter of `GET /campaigns/{id}/recipients?status=`. */
export type RecipientFilter =
  | RecipientState
  | "came-back"
  | "opened"
  | "clicked"
  | "automatic"
  | "complained"
  | "unsubscribed";
export type CampaignRecipient = Schemas["CampaignRecipient"];
