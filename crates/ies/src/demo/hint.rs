//! Commands that a person may copy from the terminal and run as they stand.

use std::path::Path;

use anyhow::Context as _;

/// `ies trace` of an address, with the paths of this program and of the suite's configuration.
pub(super) fn trace(config: &Path, address: &str) -> anyhow::Result<String> {
    let program = std::env::current_exe().context("the program does not know where it lies")?;
    let words = [&*program.to_string_lossy(), "trace", address, "-c", &*config.to_string_lossy()].map(word);
    Ok(words.join(" "))
}

/// A word that a shell takes as it is.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        for text in ["zoe+news1@gmail.com", "/tmp/a b/ies.toml", "o'brien@b.c", "$(x)", "a;b", ""] {
            let said = std::process::Command::new("sh").args(["-c", &format!("printf %s {}", word(text))]).output();
            assert_eq!(String::from_utf8(said.unwrap().stdout).unwrap(), text);
        }
        assert_eq!(word("zoe+news1@gmail.com"), "zoe+news1@gmail.com");
    }
}
