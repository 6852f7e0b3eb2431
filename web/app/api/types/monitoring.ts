// Dashboards, search, histories, live ticks.
import type { Schemas } from "./schema";

/** How often what happened. */
export type Counts = Schemas["Counts"];
/** A share, never without how many it was taken of; 95 % interval (Wilson). */
export type Rate = Schemas["MeasuredRate"];
/** A rate and that of the equal period before. `up`, `down`: their intervals do not meet. */
export type Compared = Schemas["Compared"];
export type Rates = Schemas["Rates"];
/** From acceptance to delivery, in seconds; null without deliveries. */
export type Delay = Schemas["Delay"];
/** One step of time; `at` is its begin. */
export type SeriesPoint = Schemas["SeriesPoint"];
export type ProviderRow = Schemas["ProviderRow"];
/** A wording of replies at one provider, its changing parts masked. `template:17` searches for it. */
export type TopReply = Schemas["TopReply"];
/** Failures of one kind at one provider in a period, and what of them waits. */
export type Trouble = Schemas["Trouble"];
/** `us`: the provider's attitude to us; everything else says nothing about that. */
export type TroubleAbout = Schemas["TroubleAbout"];
export type CategoryRow = Schemas["CategoryRow"];
export type NowDashboard = Schemas["NowDashboard"];
export type SourceRow = Schemas["SourceRow"];
/** One source in one hour. */
export type MatrixCell = Schemas["MatrixCell"];
export type ProviderDashboard = Schemas["ProviderDashboard"];
export type ProvidersSummary = Schemas["ProvidersSummary"];

export type EventPage = Schemas["SearchPage"];
/** A value in a search that nobody knows. */
export type SearchHint = Schemas["SearchHint"];
/** As in campaigns, and delivered ones that came back. */
export type HistoryState = Schemas["HistoryState"];
export type RecipientSummary = Schemas["RecipientSummary"];
/** Oldest event first, with transcripts. */
export type RecipientHistory = Schemas["RecipientHistory"];
export type MessageHistory = Schemas["MessageHistory"];

export type LiveCounts = Schemas["LiveCounts"];
/** Event `tick` of `GET /stream`, every second. */
export type Tick = Schemas["Tick"];
