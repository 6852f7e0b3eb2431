//! Passwords: argon2id (RFC 9106, the library's second recommended setting), made and checked off the async threads.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

/// Shortest password taken, in characters. Length counts, rules of composition do not (NIST SP 800-63B 5.1.1.2).
pub const PASSWORD_LEN_MIN: usize = 12;

/// Longest password taken, in bytes: hashing must not be a way to burn our time.
pub const PASSWORD_LEN_MAX: usize = 256;

/// The hash of a password, in PHC form.
pub(crate) async fn hash(password: String) -> String {
    on_a_blocking_thread(move || {
        let hash = Argon2::default().hash_password(password.as_bytes());
        hash.expect("invariant: the length is limited and the parameters are valid").to_string()
    })
    .await
}

/// True when the password has this hash.
pub(crate) async fn verify(password: String, hash: String) -> bool {
    on_a_blocking_thread(move || {
        PasswordHash::new(&hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    })
    .await
}

/// Some hash that no password has: checked when there is no such account, so that the answer takes as long.
pub(crate) const NOBODYS_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9i$\
                                       AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

async fn on_a_blocking_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("invariant: hashing does not panic and is not cancelled")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_passes() {
        let hash = hash("correct horse battery".to_owned()).await;
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify("correct horse battery".to_owned(), hash.clone()).await);
        assert!(!verify("correct horse batterz".to_owned(), hash).await);
        assert!(PasswordHash::new(NOBODYS_HASH).is_ok(), "it must cost the same");
        assert!(!verify("anything at all".to_owned(), NOBODYS_HASH.to_owned()).await);
    }
}
