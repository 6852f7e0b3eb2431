//! The server's own replies, each in one place.

use model::reply::EnhancedStatus;

/// A reply that never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fixed {
    pub code: u16,
    pub enhanced: Option<EnhancedStatus>,
    pub text: &'static str,
}

const fn fixed(code: u16, enhanced: (u8, u16, u16), text: &'static str) -> Fixed {
    Fixed { code, enhanced: Some(EnhancedStatus::new(enhanced.0, enhanced.1, enhanced.2)), text }
}

const fn plain(code: u16, text: &'static str) -> Fixed {
    Fixed { code, enhanced: None, text }
}

pub(crate) const READY_FOR_TLS: Fixed = fixed(220, (2, 0, 0), "Ready to start TLS");
pub(crate) const BYE: Fixed = fixed(221, (2, 0, 0), "Bye");
pub(crate) const AUTHENTICATED: Fixed = fixed(235, (2, 7, 0), "Authentication successful");
pub(crate) const OK: Fixed = fixed(250, (2, 0, 0), "OK");
pub(crate) const SENDER_OK: Fixed = fixed(250, (2, 1, 0), "OK");
pub(crate) const RECIPIENT_OK: Fixed = fixed(250, (2, 1, 5), "OK");
pub(crate) const CHUNK_OK: Fixed = fixed(250, (2, 0, 0), "Chunk received");
pub(crate) const CANNOT_VERIFY: Fixed = fixed(252, (2, 5, 0), "Cannot verify; send mail and see");
pub(crate) const HELP: Fixed = fixed(214, (2, 0, 0), "See RFC 5321");
pub(crate) const CHALLENGE: Fixed = plain(334, "");
pub(crate) const CHALLENGE_USER: Fixed = plain(334, "VXNlcm5hbWU6");
pub(crate) const CHALLENGE_PASSWORD: Fixed = plain(334, "UGFzc3dvcmQ6");
pub(crate) const SEND_DATA: Fixed = plain(354, "End data with <CR><LF>.<CR><LF>");

pub(crate) const IDLE: Fixed = fixed(421, (4, 4, 2), "Idle for too long, closing");
pub(crate) const SESSION_TOO_LONG: Fixed = fixed(421, (4, 4, 2), "Connection open for too long, closing");
pub(crate) const MESSAGE_TOO_SLOW: Fixed = fixed(421, (4, 4, 2), "The message takes too long, closing");
pub(crate) const SHUTTING_DOWN: Fixed = fixed(421, (4, 3, 2), "Shutting down, try again later");
pub(crate) const TOO_MANY_CONNECTIONS: Fixed = fixed(421, (4, 7, 0), "Too many connections, try again later");
pub(crate) const TOO_MANY_ERRORS: Fixed = fixed(421, (4, 7, 0), "Too many errors, closing");
pub(crate) const TOO_MANY_COMMANDS: Fixed = fixed(421, (4, 7, 0), "Too many commands without a message, closing");
pub(crate) const TOO_MANY_MESSAGES: Fixed = fixed(421, (4, 7, 0), "Too many messages on this connection, closing");
pub(crate) const NO_ROOM: Fixed = fixed(452, (4, 3, 1), "No memory for the message now, try again later");
pub(crate) const TOO_MANY_RECIPIENTS: Fixed = fixed(452, (4, 5, 3), "Too many recipients");

pub(crate) const UNKNOWN_COMMAND: Fixed = fixed(500, (5, 5, 1), "Command not recognized");
pub(crate) const LINE_TOO_LONG: Fixed = fixed(500, (5, 5, 2), "Line too long");
pub(crate) const BARE_CR: Fixed = fixed(500, (5, 5, 2), "Bare CR refused: only CRLF ends a line. Closing");
pub(crate) const BARE_LF: Fixed = fixed(500, (5, 5, 2), "Bare LF refused: only CRLF ends a line. Closing");
pub(crate) const NOT_TEXT: Fixed = fixed(500, (5, 5, 2), "Control characters or invalid UTF-8 in the command");
pub(crate) const BAD_ARGUMENTS: Fixed = fixed(501, (5, 5, 4), "Syntax error in arguments");
pub(crate) const NO_NAME: Fixed = fixed(501, (5, 5, 4), "A name is expected");
pub(crate) const NO_PATH: Fixed = fixed(501, (5, 5, 4), "An address in angle brackets is expected");
pub(crate) const BAD_SENDER: Fixed = fixed(501, (5, 1, 7), "Bad sender address syntax");
pub(crate) const BAD_RECIPIENT: Fixed = fixed(501, (5, 1, 3), "Bad recipient address syntax");
pub(crate) const BAD_PARAMETER: Fixed = fixed(501, (5, 5, 4), "Bad value of a parameter");
pub(crate) const BAD_CHUNK: Fixed = fixed(501, (5, 5, 4), "Bad chunk size, closing");
pub(crate) const BAD_BASE64: Fixed = fixed(501, (5, 5, 2), "Cannot decode");
pub(crate) const AUTH_CANCELLED: Fixed = fixed(501, (5, 7, 0), "Authentication cancelled");
pub(crate) const NOT_OFFERED: Fixed = fixed(502, (5, 5, 1), "Command not implemented");
pub(crate) const HELLO_FIRST: Fixed = fixed(503, (5, 5, 1), "Say EHLO first");
pub(crate) const MAIL_FIRST: Fixed = fixed(503, (5, 5, 1), "MAIL first");
pub(crate) const NO_RECIPIENTS: Fixed = fixed(554, (5, 5, 1), "No valid recipients");
pub(crate) const NESTED_MAIL: Fixed = fixed(503, (5, 5, 1), "Sender already given");
pub(crate) const CHUNKS_BEGUN: Fixed = fixed(503, (5, 5, 1), "BDAT has begun: BDAT or RSET only");
pub(crate) const IN_TRANSACTION: Fixed = fixed(503, (5, 5, 1), "Not during a transaction");
pub(crate) const TLS_ALREADY: Fixed = fixed(503, (5, 5, 1), "TLS is in use already");
pub(crate) const AUTH_ALREADY: Fixed = fixed(503, (5, 5, 1), "Authenticated already");
pub(crate) const UNKNOWN_MECHANISM: Fixed = fixed(504, (5, 5, 4), "Mechanism not supported");
pub(crate) const BAD_CREDENTIALS: Fixed = fixed(535, (5, 7, 8), "Authentication credentials invalid");
pub(crate) const TLS_FOR_AUTH: Fixed = fixed(538, (5, 7, 11), "Encryption required for authentication");
pub(crate) const TOO_BIG: Fixed = fixed(552, (5, 3, 4), "Message too big");
pub(crate) const NEEDS_SMTPUTF8: Fixed = fixed(553, (5, 6, 7), "Address beyond ASCII needs SMTPUTF8");
pub(crate) const BARE_LF_IN_DATA: Fixed =
    fixed(554, (5, 6, 11), "Bare LF in the message: only CRLF may end a line. Closing");
pub(crate) const BARE_CR_IN_DATA: Fixed =
    fixed(554, (5, 6, 11), "Bare CR in the message: only CRLF may end a line. Closing");
pub(crate) const NUL_IN_DATA: Fixed = fixed(554, (5, 6, 0), "NUL in the message");
pub(crate) const DATA_LINE_TOO_LONG: Fixed = fixed(554, (5, 6, 0), "A line of the message is too long");
pub(crate) const UNKNOWN_PARAMETER: Fixed = fixed(555, (5, 5, 4), "Parameter not recognized");
