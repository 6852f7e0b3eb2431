//! The addresses that stand in headers for all recipients: From, Reply-To.

/// Checks an address and gives it, and its domain, with the domain in A-label form. ASCII before the `@`.
pub(crate) fn read(address: &str) -> Result<(String, String), String> {
    match read_international(address) {
        Ok((address, _)) if !address.is_ascii() => {
            Err(format!("`{}` is not an address: only ASCII letters can stand before the @", address.escape_debug()))
        }
        outcome => outcome,
    }
}

/// The same; letters of all languages can stand before the `@` (RFC 6531).
pub(crate) fn read_international(address: &str) -> Result<(String, String), String> {
    let refuse = |why: &str| Err(format!("`{}` is not an address: {why}", address.escape_debug()));
    let Some((local, domain)) = address.rsplit_once('@') else { return refuse("there is no @") };
    let local_ok = |letter: char| letter.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(letter);
    if local.is_empty() || local.len() > 64 || !local.chars().all(local_ok) {
        return refuse("what stands before the @ must be 1 to 64 letters, digits and signs");
    }
    match idna::domain_to_ascii_strict(domain) {
        Ok(ascii) if !ascii.is_empty() && !ascii.contains("..") => Ok((format!("{local}@{ascii}"), ascii)),
        _ => refuse("what stands behind the @ is not a domain"),
    }
}

/// Checks the URL before `/c/`, `/o/` and `/u/`; gives it without a slash at its end.
pub(crate) fn base_url(url: &str) -> Result<String, String> {
    let url = url.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/[]".contains(&byte);
    if host.is_empty() || host.starts_with('/') || !host.bytes().all(plain) {
        return Err(format!("the base URL must be https://host or http://host, not `{}`", url.escape_debug()));
    }
    Ok(url.to_owned())
}
