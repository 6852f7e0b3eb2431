//! What the targets share: numbers derived from the input, cuts of it, and the lines of a mail.

/// Numbers that follow from the input alone, so that a finding repeats itself.
pub(crate) struct Numbers(u64);

impl Numbers {
    /// Seeded by all bytes of the input.
    pub(crate) fn of(data: &[u8]) -> Self {
        let seed = data
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Numbers(seed | 1)
    }

    /// The next one, from 0 to `below` - 1.
    pub(crate) fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below.max(1)
    }
}

/// The input cut into pieces of one to `most` bytes.
pub(crate) fn cuts(data: &[u8], most: usize) -> Vec<&[u8]> {
    let mut numbers = Numbers::of(data);
    let mut rest = data;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at((numbers.next(most) + 1).min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// The first byte as a choice, and the rest.
pub(crate) fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(&first, rest)| (first, rest))
}

/// The input as text; what is not UTF-8 is replaced, so that no input is lost.
pub(crate) fn text(data: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(data)
}

/// Every line ends in CRLF; no bare CR or LF, no NUL.
pub(crate) fn assert_mail_lines(data: &[u8], line_bytes_max: usize) {
    if let Err(fault) = smtp::lines::check(data, line_bytes_max) {
        panic!("{fault}: {:?}", String::from_utf8_lossy(data));
    }
}
