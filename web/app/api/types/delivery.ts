// Queues, paths, sources, pools, provider rules, explanations, control.
import type { Schemas } from "./schema";

export type QueueTotals = Schemas["Totals"];
export type Queues = Schemas["Snapshot"];
export type QueuePath = Schemas["PathView"];
export type QueueDomain = Schemas["DomainView"];
/** What slows or stops a path for a time. */
export type Throttle = Schemas["ThrottleView"];
export type PathLimits = Schemas["LimitsView"];
/** A reply, or a failure without one. */
export type LastReply = Schemas["LastReply"];

export type Source = Schemas["SourceView"];
export type Pool = Schemas["Pool"];
/** The plan by which a source raises its volume, and how far it is. */
export type WarmUp = Schemas["WarmUpView"];
/** One source at one provider; `*` for all providers that have no volumes of their own. */
export type WarmUpTrack = Schemas["WarmUpTrack"];
/** A past day with its verdict. */
export type WarmUpDay = Schemas["WarmUpDay"];
export type WarmUpOrder = Schemas["WarmUpOrder"];
/** What a reply does to the limits of a path. */
export type ProviderRule = Schemas["RuleView"];
export type ProviderRules = Schemas["ProviderView"];

/** One thing that makes a recipient wait. */
export type Limiter = Schemas["Limiter"];
/** `GET /recipients/{id}/explain`; 404 when it is not in the queue any more. */
export type Explanation = Schemas["Explanation"];

/** The name of a path is `source/site`. */
export type ControlTarget = Schemas["Target"];
export type ControlKind = ControlTarget["kind"];
/** Mail is held, released, cancelled; routes (source, site, provider, path) are suspended, resumed. */
export type ControlAction = Schemas["Action"];
/** Something that a person has held or suspended. */
export type ControlEntry = Schemas["ControlView"];
export type Control = Schemas["Order"];
export type ControlResult = Schemas["Done"];

/** One recipient in the queue. */
export type QueuedRecipient = Schemas["RecipientView"];
/** Terms that all have to hold, as an order carries them. */
export type QueueFilter = Schemas["QueueFilter"];
export type QueueSearch = Schemas["QueueSearchResult"];
/** Everybody who matches, counted by what they have in common. */
export type QueueGroups = Schemas["QueueGroups"];
export type QueueGroup = Schemas["QueueGroup"];
/** What is done to many recipients at a time. */
export type BulkAction = Schemas["Work"];
export type BulkOrder = Schemas["BulkOrder"];
export type BulkResult = Schemas["BulkDone"];
/** A bulk order that is in force or at work. */
export type BulkEntry = Schemas["BulkView"];

/** A rule about replies in full: how often it was needed, and where it is in force. */
export type RuleDetail = Schemas["RuleDetail"];
/** Something in the rules that cannot work as meant. */
export type RuleFinding = Schemas["RuleFinding"];
/** Something a rule did, until a time. */
export type ActiveEffect = Schemas["ActiveEffect"];
export type Shaping = Schemas["ShapingView"];
/** A rate or a number of connections that the adaptive controller has learned. */
export type Learned = Schemas["LearnedView"];

/** `GET /resolve`: what holds for mail to a domain, and who said it. */
export type Resolution = Schemas["Resolution"];
export type SourceResolution = Schemas["SourceResolution"];
export type LimitResolution = Schemas["LimitResolution"];

/** One DKIM key; the private part is never told. */
export type DkimKey = Schemas["DkimKey"];
export type NewDkimKey = Schemas["NewDkimKey"];
export type DkimAlgorithm = Schemas["DkimAlgorithm"];
/** Dialogues that are recorded on demand. */
export type Recording = Schemas["Recording"];
export type NewRecording = Schemas["NewRecording"];
export type RecordingSubject = Schemas["RecordingSubject"];
