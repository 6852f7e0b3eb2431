//! Password files of proxies and of routes: the first line is the password. Read at each connection, so that one may change
//! while the program runs; never kept.

use std::io;
use std::path::Path;

use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

/// Longest first line of a password file, in bytes.
const LINE_MAX: usize = 4_096;

/// The first line, without its end.
///
/// # Errors
/// It cannot be read, or is longer than [`LINE_MAX`]; the path stands in the text.
pub(crate) async fn first_line(path: &Path) -> io::Result<Vec<u8>> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = File::open(path).await.map_err(named)?;
    file.take(LINE_MAX as u64 + 1).read_to_end(&mut bytes).await.map_err(named)?;
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    if end > LINE_MAX {
        let reason = format!("its first line has more than {LINE_MAX} bytes");
        return Err(named(io::Error::new(io::ErrorKind::InvalidData, reason)));
    }
    bytes.truncate(end);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_line_is_the_password() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        let check = async |content: &[u8], expected: Result<&[u8], &str>| {
            std::fs::write(&path, content).unwrap();
            match (first_line(&path).await, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (found, expected) => panic!("{found:?} in place of {expected:?}"),
            }
        };
        check(b"secret", Ok(b"secret")).await;
        check(b"secret\n", Ok(b"secret")).await;
        check(b"s\xe9cret \r\nrest", Ok(b"s\xe9cret ")).await;
        check(b"", Ok(b"")).await;
        let longest = [b'x'; LINE_MAX];
        check(&[&longest[..], b"\n", &longest].concat(), Ok(&longest)).await;
        check(&[&longest[..], b"x"].concat(), Err("password: its first line has more than 4096 bytes")).await;
        std::fs::remove_file(&path).unwrap();
        assert!(first_line(&path).await.unwrap_err().to_string().contains("password: No such file"));
    }
}
