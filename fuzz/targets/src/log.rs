//! Segments of the journal, written after its documentation (`journal/src/log/{segment,group,frame}.rs`).

/// The salt of all segments made here.
const SALT: u32 = 77;

/// One record: kind, prefix, body.
#[derive(Clone, Debug)]
pub struct Record {
    pub kind: u8,
    pub prefix: Vec<u8>,
    pub body: Vec<u8>,
    /// It begins a new group.
    pub group: bool,
}

/// The header of segment 1.
pub fn header(kind: &[u8; 8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(b"iES log\n");
    bytes.extend_from_slice(&1_u32.to_le_bytes());
    bytes.extend_from_slice(&1_u32.to_le_bytes());
    bytes.extend_from_slice(kind);
    bytes.extend_from_slice(&1_790_000_000_000_000_i64.to_le_bytes());
    bytes.extend_from_slice(&SALT.to_le_bytes());
    bytes.resize(60, 0);
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// A whole segment 1 of these records.
pub fn segment(kind: &[u8; 8], records: &[Record]) -> Vec<u8> {
    let mut bytes = header(kind);
    let mut rest = records;
    while !rest.is_empty() {
        let len = 1 + rest[1..].iter().take_while(|record| !record.group).count();
        let (group, behind) = rest.split_at(len);
        rest = behind;
        push_group(group, &mut bytes);
    }
    bytes
}

fn push_group(records: &[Record], out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(8), 0);
    let frames: Vec<u8> = records.iter().flat_map(frame).collect();
    let mut rest = Vec::with_capacity(16);
    rest.extend_from_slice(&1_u32.to_le_bytes());
    rest.extend_from_slice(&(out.len() as u32).to_le_bytes());
    rest.extend_from_slice(&(frames.len() as u32).to_le_bytes());
    rest.extend_from_slice(&(records.len() as u32).to_le_bytes());
    let mut crc = crc32fast::Hasher::new_with_initial(SALT);
    crc.update(&rest);
    out.extend_from_slice(b"iGRP");
    out.extend_from_slice(&crc.finalize().to_le_bytes());
    out.extend_from_slice(&rest);
    out.extend_from_slice(&frames);
}

fn frame(record: &Record) -> Vec<u8> {
    let len = record.prefix.len() + record.body.len();
    let mut rest = Vec::with_capacity(12 + len);
    rest.extend_from_slice(&(len as u32).to_le_bytes());
    rest.extend_from_slice(&[record.kind.max(1), 0, 0, 0]);
    rest.extend_from_slice(&(record.prefix.len() as u32).to_le_bytes());
    rest.extend_from_slice(&record.prefix);
    rest.extend_from_slice(&record.body);
    let mut bytes = crc32fast::hash(&rest).to_le_bytes().to_vec();
    bytes.extend_from_slice(&rest);
    bytes
}

/// Records out of an input: `kind u8 · prefix length u16 · body length u8 · prefix · body`, as far as it reaches; the
/// highest bit of the kind begins a group. Rows of the spool get the checksums they should have.
pub fn records(data: &[u8]) -> Vec<Record> {
    let mut found = Vec::new();
    let mut rest = data;
    while let Some((head, behind)) = rest.split_first_chunk::<4>() {
        let prefix_len = usize::from(u16::from_le_bytes([head[1], head[2]])).min(behind.len());
        let (prefix, behind) = behind.split_at(prefix_len);
        let (body, behind) = behind.split_at(usize::from(head[3]).min(behind.len()));
        rest = behind;
        let (group, kind) = (head[0] & 0x80 != 0, head[0] & 0x07);
        let mut prefix = prefix.to_vec();
        if kind == 3 {
            mend_rows(&mut prefix);
        }
        found.push(Record { kind, prefix, body: body.to_vec(), group });
    }
    found
}

/// The input from which [`records`] makes these.
pub fn input_of(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        out.push(record.kind | if record.group { 0x80 } else { 0 });
        out.extend_from_slice(&(record.prefix.len() as u16).to_le_bytes());
        out.push(record.body.len() as u8);
        out.extend_from_slice(&record.prefix);
        out.extend_from_slice(&record.body);
    }
    out
}

/// The records of a segment file as the journal wrote it; trusts it.
pub fn read(segment: &[u8]) -> Vec<Record> {
    let number = |at: usize| u32::from_le_bytes(segment[at..at + 4].try_into().expect("four bytes")) as usize;
    let mut found = Vec::new();
    let mut at = 64;
    while at + 24 <= segment.len() && &segment[at..at + 4] == b"iGRP" {
        let (len, frames) = (number(at + 16), number(at + 20));
        let mut frame = at + 24;
        for nth in 0..frames {
            let (bytes, prefix) = (number(frame + 4), number(frame + 12));
            let body = frame + 16 + prefix;
            found.push(Record {
                kind: segment[frame + 8],
                prefix: segment[frame + 16..body].to_vec(),
                body: segment[body..frame + 16 + bytes].to_vec(),
                group: nth == 0,
            });
            frame += 16 + bytes;
        }
        at = (at + 24 + len).next_multiple_of(8);
    }
    found
}

/// Sets the checksum of every row whose place lies inside of the record.
fn mend_rows(prefix: &mut [u8]) {
    const HEADER: usize = 48;
    if prefix.len() < HEADER {
        return;
    }
    let stored = usize::from(u16::from_le_bytes([prefix[18], prefix[19]]));
    let area = HEADER + stored * 12;
    let mut start = 0;
    for slot in 0..stored {
        let at = HEADER + slot * 12;
        let Some(entry) = prefix.get(at..at + 12) else { return };
        let seed = u32::from(u16::from_le_bytes([entry[0], entry[1]])) << 16
            | u32::from(u16::from_le_bytes([entry[2], entry[3]]));
        let end = u32::from_le_bytes(entry[4..8].try_into().expect("four bytes")) as usize;
        if let Some(row) =
            area.checked_add(start).zip(area.checked_add(end)).and_then(|(from, to)| prefix.get(from..to))
        {
            let mut crc = crc32fast::Hasher::new_with_initial(seed);
            crc.update(row);
            let crc = crc.finalize();
            prefix[at + 8..at + 12].copy_from_slice(&crc.to_le_bytes());
        }
        start = end;
    }
}
