//! A database that takes no writes (a full disk): whoever was let in before is let in still.

use std::sync::Arc;
use std::time::Duration;

use accounts::{Accounts, NewAccount, NewApiKey, Role, Scope};
use db::{Db, params};
use model::time::{ManualClock, Timestamp};

#[tokio::test]
async fn nobody_is_kept_out() {
    let directory = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite://{}", directory.path().join("ies.db").display())).await.unwrap();
    let clock = ManualClock::new(Timestamp::from_unix_s(1_790_000_000));
    let accounts = Accounts::open(db.clone(), Arc::new(clock.clone())).await.unwrap();
    let new = NewAccount {
        email: "anna@example.org".to_owned(),
        name: String::new(),
        role: Role::Operator,
        language: None,
        password: Some("twelve letters and more".to_owned()),
    };
    let (account, _) = accounts.create(new).await.unwrap();
    let session = accounts.begin_session(&account).await.unwrap();
    let new = NewApiKey { name: "shop".to_owned(), scopes: vec![Scope::Inject], ..NewApiKey::default() };
    let (_, key) = accounts.create_api_key(new, "anna@example.org").await.unwrap();

    for table in ["session", "api_key"] {
        let sql = format!(
            "CREATE TRIGGER full_{table} BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        );
        db.execute(&sql, params![]).await.unwrap();
    }
    clock.advance(Duration::from_secs(3_600));
    assert!(accounts.session(session.reveal()).await.unwrap().is_some());
    assert!(accounts.api_key(key.reveal()).await.unwrap().is_some());
}
