//! The table of columns. A flat table: one entry each.

use model::category::Category;
use model::event::Event;
use model::id::{CampaignId, ContactId, ListId, MessageId, RecipientId};
use model::name::Name;
use model::time::Timestamp;

use super::accessors::{
    attempt, category, control, domain, enhanced, kind, metadata, needs_whole, origin, parts, phase, phase_name,
    protocol, protocol_name, reply, reply_mut, report, scope, set_category, set_metadata, set_parts,
    set_source_address, set_suppress, set_tags, set_tls_use, set_wire, source_address, suppress, tags, tls_use, touch,
    wire,
};
use super::{Access, Column, Row, Width, address_hash};

const fn word(name: &'static str, get: fn(&Row) -> Option<&str>, set: fn(&mut Event, &str)) -> Column {
    Column { name, access: Access::Word(get, set) }
}

const fn made(name: &'static str, get: fn(&Row) -> Option<String>, set: fn(&mut Event, &str)) -> Column {
    Column { name, access: Access::Made(get, set) }
}

const fn text(name: &'static str, get: fn(&Row) -> Option<&str>, set: fn(&mut Event, &str)) -> Column {
    Column { name, access: Access::Text(get, set) }
}

const fn number(name: &'static str, width: Width, get: fn(&Row) -> Option<u64>, set: fn(&mut Event, u64)) -> Column {
    Column { name, access: Access::Number(width, get, set) }
}

const fn time(name: &'static str, get: fn(&Row) -> Option<i64>, set: fn(&mut Event, i64)) -> Column {
    Column { name, access: Access::Time(get, set) }
}

const fn flag(name: &'static str, get: fn(&Row) -> bool, set: fn(&mut Event)) -> Column {
    Column { name, access: Access::Flag(get, set) }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn name(text: &str) -> Option<Name> {
    Some(Name::from(text))
}

fn bits16(number: u64) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn bits32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

macro_rules! of {
    ($row:ident, $part:ident) => {
        $row.event.$part.as_ref()
    };
}

/// Every column, in the order of the files: what is filtered by most often stands first.
pub(crate) static COLUMNS: &[Column] = &[
    time("at", |r| Some(r.event.at.0), |e, v| e.at = Timestamp(v)),
    word("provider", |r| r.event.provider.as_deref(), |e, v| e.provider = name(v)),
    word("kind", |r| Some(r.event.kind.as_str()), |e, v| e.kind = kind(v)),
    number("id_root", Width::Bits64, |r| Some(r.event.id.root), |e, v| e.id.root = v),
    number("id_leaf", Width::Bits32, |r| Some(u64::from(r.event.id.leaf)), |e, v| e.id.leaf = bits32(v)),
    number("v", Width::Bits8, |r| Some(u64::from(r.event.v)), |e, v| e.v = u8::try_from(v).unwrap_or(u8::MAX)),
    number("parts", Width::Bits8, |r| Some(parts(&r.event)), set_parts),
    number("message", Width::Bits64, |r| r.event.message.map(|v| v.0), |e, v| e.message = Some(MessageId(v))),
    number("recipient", Width::Bits64, |r| r.event.recipient.map(|v| v.0), |e, v| e.recipient = Some(RecipientId(v))),
    text("address", |r| r.event.address.as_deref(), |e, v| e.address = some(v)),
    number("address_hash", Width::Bits64, |r| r.event.address.as_deref().map(address_hash), |_, _| ()),
    made("domain", |r| domain(&r.event), |_, _| ()),
    text("sender", |r| r.event.sender.as_deref(), |e, v| e.sender = some(v)),
    word("tenant", |r| r.event.tenant.as_deref(), |e, v| e.tenant = name(v)),
    word("stream", |r| r.event.stream.as_deref(), |e, v| e.stream = name(v)),
    word("job", |r| r.event.job.as_deref(), |e, v| e.job = name(v)),
    number("campaign", Width::Bits64, |r| r.event.campaign.map(|v| v.0), |e, v| e.campaign = Some(CampaignId(v))),
    number("contact", Width::Bits64, |r| r.event.contact.map(|v| v.0), |e, v| e.contact = Some(ContactId(v))),
    number("list", Width::Bits64, |r| r.event.list.map(|v| v.0), |e, v| e.list = Some(ListId(v))),
    word("source", |r| r.event.source.as_deref(), |e, v| e.source = name(v)),
    number("size_bytes", Width::Bits64, |r| r.event.size_bytes, |e, v| e.size_bytes = Some(v)),
    text("note", |r| r.event.note.as_deref(), |e, v| e.note = some(v)),
    made("tags", |r| tags(&r.event), set_tags),
    made("metadata", |r| metadata(&r.event), set_metadata),
    // The reply and what it means.
    number("code", Width::Bits16, |r| reply(&r.event).map(|v| u64::from(v.code)), |e, v| reply_mut(e).code = bits16(v)),
    made("enhanced", |r| reply(&r.event)?.enhanced.map(|v| v.to_string()), |e, v| reply_mut(e).enhanced = enhanced(v)),
    text("reply", |r| reply(&r.event).map(|v| v.text.as_str()), |e, v| reply_mut(e).text = v.to_owned()),
    number("template", Width::Bits32, |r| (r.template != 0).then_some(u64::from(r.template)), |_, _| ()),
    word("category", |r| category(&r.event).map(Category::as_str), set_category),
    flag("suppress", |r| suppress(&r.event), set_suppress),
    word("source_address", |r| source_address(&r.event), set_source_address),
    // The attempt.
    number(
        "attempt",
        Width::Bits16,
        |r| of!(r, attempt).map(|v| u64::from(v.number)),
        |e, v| {
            attempt(e).number = bits16(v);
        },
    ),
    word("site", |r| of!(r, attempt)?.site.as_deref(), |e, v| attempt(e).site = name(v)),
    word("mx_host", |r| of!(r, attempt)?.mx_host.as_deref(), |e, v| attempt(e).mx_host = name(v)),
    word("mx_address", |r| of!(r, attempt)?.mx_address.as_deref(), |e, v| attempt(e).mx_address = some(v)),
    word("phase", |r| of!(r, attempt)?.phase.map(phase_name), |e, v| attempt(e).phase = phase(v)),
    text("error", |r| of!(r, attempt)?.error.as_deref(), |e, v| attempt(e).error = some(v)),
    word("scope", |r| of!(r, attempt)?.scope.map(|v| v.as_str()), |e, v| attempt(e).scope = scope(v)),
    word("tls", |r| of!(r, attempt)?.tls.as_deref(), |e, v| attempt(e).tls = some(v)),
    time(
        "next_attempt",
        |r| of!(r, attempt)?.next_attempt.map(|v| v.0),
        |e, v| {
            attempt(e).next_attempt = Some(Timestamp(v));
        },
    ),
    number("queued_ms", Width::Bits64, |r| of!(r, attempt)?.queued_ms, |e, v| attempt(e).queued_ms = Some(v)),
    number(
        "connect_ms",
        Width::Bits32,
        |r| of!(r, attempt)?.connect_ms.map(u64::from),
        |e, v| {
            attempt(e).connect_ms = Some(bits32(v));
        },
    ),
    number(
        "tls_ms",
        Width::Bits32,
        |r| of!(r, attempt)?.tls_ms.map(u64::from),
        |e, v| {
            attempt(e).tls_ms = Some(bits32(v));
        },
    ),
    number(
        "transaction_ms",
        Width::Bits32,
        |r| of!(r, attempt)?.transaction_ms.map(u64::from),
        |e, v| {
            attempt(e).transaction_ms = Some(bits32(v));
        },
    ),
    made("tls_use", |r| tls_use(&r.event), set_tls_use),
    made("wire", |r| wire(&r.event), set_wire),
    text("transcript", |r| of!(r, attempt)?.transcript.as_deref(), |e, v| attempt(e).transcript = some(v)),
    // A report from outside.
    word("report", |r| of!(r, report).map(|v| v.what.as_str()), |e, v| report(e).what = v.to_owned()),
    word("reporter", |r| of!(r, report)?.reporter.as_deref(), |e, v| report(e).reporter = some(v)),
    // A touch.
    number("link", Width::Bits16, |r| of!(r, touch)?.link.map(u64::from), |e, v| touch(e).link = Some(bits16(v))),
    word("url", |r| of!(r, touch)?.url.as_deref(), |e, v| touch(e).url = some(v)),
    text("client", |r| of!(r, touch)?.client.as_deref(), |e, v| touch(e).client = some(v)),
    word("user_agent", |r| of!(r, touch)?.user_agent.as_deref(), |e, v| touch(e).user_agent = some(v)),
    word("method", |r| of!(r, touch)?.method.as_deref(), |e, v| touch(e).method = some(v)),
    // How it came in.
    word("protocol", |r| of!(r, origin).map(|v| protocol_name(v.protocol)), |e, v| origin(e).protocol = protocol(v)),
    made("peer", |r| of!(r, origin)?.peer.map(|v| v.to_string()), |e, v| origin(e).peer = v.parse().ok()),
    word("user", |r| of!(r, origin)?.user.as_deref(), |e, v| origin(e).user = name(v)),
    // A change of what the engine may do.
    word("target", |r| of!(r, control).map(|v| v.target.as_str()), |e, v| control(e).target = v.to_owned()),
    word("target_name", |r| of!(r, control).map(|v| v.name.as_str()), |e, v| control(e).name = v.to_owned()),
    word("action", |r| of!(r, control).map(|v| v.action.as_str()), |e, v| control(e).action = v.to_owned()),
    text("value", |r| of!(r, control)?.value.as_deref(), |e, v| control(e).value = some(v)),
    time("until", |r| of!(r, control)?.until.map(|v| v.0), |e, v| control(e).until = Some(Timestamp(v))),
    word("by", |r| of!(r, control).map(|v| v.by.as_str()), |e, v| control(e).by = v.to_owned()),
    Column { name: "extra", access: Access::Whole(|r| needs_whole(&r.event).then(|| r.event.to_binary())) },
];
