//! SQLite without room: statements fail as unavailable, and the same handle works again when there is room.
//!
//! SQLite ends a transaction by itself when the disk is full, whatever its owner thinks.

use db::{DbError, params};

use crate::sqlite;

#[tokio::test]
async fn transactions_begin_again_when_there_is_room() {
    let (db, _directory) = sqlite().await;
    db.execute("CREATE TABLE letter (bytes BLOB)", params![]).await.unwrap();
    let insert = "INSERT INTO letter VALUES (zeroblob(50000))";
    for _ in 0..3 {
        // Room for two or three letters; holds for one connection.
        db.execute("PRAGMA max_page_count = 50", params![]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let mut failed = None;
        for _ in 0..10 {
            failed = tx.execute(insert, params![]).await.err();
            if failed.is_some() {
                break;
            }
        }
        let error = failed.expect("the disk is full");
        assert!(matches!(error, DbError::Unavailable(_)), "{}", error.chain());
        // Dropped without a commit, as everyone does who passes the error on.
    }
    db.execute("PRAGMA max_page_count = 1000000", params![]).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    tx.execute(insert, params![]).await.unwrap();
    tx.commit().await.unwrap();
    let rows = db.query("SELECT 1 FROM letter", params![]).await.unwrap();
    assert_eq!(rows.len(), 1, "nothing of the others");
}
