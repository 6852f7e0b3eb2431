//! Migrations are applied once, in order, whole; a foreign or newer database is refused.

use db::{Db, DbError, Migration, params};

use crate::{NOW, sqlite};

const ONE: Migration = Migration { name: "0001_one", sql: "CREATE TABLE one (n BIGINT); INSERT INTO one VALUES (1);" };
const TWO: Migration = Migration { name: "0002_two", sql: "INSERT INTO one VALUES (2);" };
const WRONG: Migration =
    Migration { name: "0003_wrong", sql: "INSERT INTO one VALUES (3); INSERT INTO nowhere VALUES (3);" };
const ONE_EDITED: Migration = Migration { name: "0001_one", sql: "CREATE TABLE one (n BIGINT, m BIGINT);" };

async fn rows(db: &Db) -> usize {
    db.query("SELECT n FROM one", params![]).await.unwrap().len()
}

fn refused(result: Result<(), DbError>, expected: &str) {
    match result {
        Err(DbError::Migration { name, .. }) => assert_eq!(name, expected),
        other => panic!("expected a refusal of {expected}, found {other:?}"),
    }
}

pub(crate) async fn all(db: &Db) {
    db.migrate("a", &[ONE], NOW).await.unwrap();
    db.migrate("a", &[ONE], NOW).await.unwrap();
    assert_eq!(rows(db).await, 1);
    db.migrate("a", &[ONE, TWO], NOW).await.unwrap();
    assert_eq!(rows(db).await, 2);
    assert!(db.migrate("a", &[ONE, TWO, WRONG], NOW).await.is_err());
    assert_eq!(rows(db).await, 2, "a failed migration leaves nothing behind");
    refused(db.migrate("a", &[ONE], NOW).await, "0002_two");
    refused(db.migrate("a", &[ONE_EDITED, TWO], NOW).await, "0001_one");
    db.migrate("b", &[TWO], NOW).await.unwrap();
    assert_eq!(rows(db).await, 3, "namespaces do not meet");
}

#[tokio::test]
async fn on_sqlite() {
    let (db, _directory) = sqlite().await;
    all(&db).await;
}
