//! Statements, transactions, bulk inserts, errors and pages.

use db::{Db, DbError, Insert, Migration, PageRequest, Value, params};
use model::id::ContactId;
use model::time::Timestamp;

use crate::{NOW, sqlite};

const TABLES: &[Migration] = &[Migration {
    name: "0001_person",
    sql: "CREATE TABLE person (
              id BIGINT PRIMARY KEY, name {key} NOT NULL UNIQUE, score {real}, picture {blob}, fields {json} NOT NULL,
              born BIGINT
          );
          CREATE TABLE visit (person BIGINT NOT NULL REFERENCES person (id), n {autoinc}, note TEXT);",
}];

async fn prepared(db: &Db) {
    db.migrate("test", TABLES, NOW).await.expect("the tables are made");
}

async fn add(db: &Db, id: u64, name: &str) -> Result<u64, DbError> {
    let sql = "INSERT INTO person (id, name, fields) VALUES ($1, $2, CAST($3 AS {json}))";
    db.execute(sql, params![ContactId(id), name, "{}"]).await
}

async fn values_come_back(db: &Db) {
    let sql = "INSERT INTO person (id, name, score, picture, fields, born)
               VALUES ($1, $2, $3, $4, CAST($5 AS {json}), $6)";
    let everything = params![ContactId(u64::MAX), "Zoë", 2.5, vec![0_u8, 255], r#"{"city":"Lyon"}"#, NOW];
    // Once with NULLs first: the server must not settle on the types of the first call.
    db.execute(sql, params![1_i64, "nobody", None::<f64>, None::<Vec<u8>>, "{}", None::<Timestamp>]).await.unwrap();
    db.execute(sql, everything).await.unwrap();
    let row = db.query_one("SELECT * FROM person WHERE fields ->> 'city' = $1", params!["Lyon"]).await.unwrap();
    assert_eq!(row.get::<ContactId>("id").unwrap(), ContactId(u64::MAX));
    assert_eq!(row.get::<String>("name").unwrap(), "Zoë");
    assert_eq!(row.get::<Option<f64>>("score").unwrap(), Some(2.5));
    assert_eq!(row.get::<Vec<u8>>("picture").unwrap(), [0, 255]);
    assert_eq!(row.get::<Timestamp>("born").unwrap(), NOW);
    assert_eq!(row.json::<model::value::Fields>("fields").unwrap().get("city"), Some(&"Lyon".into()));
    assert!(matches!(row.get::<i64>("name"), Err(DbError::Column { .. })));
    assert!(matches!(row.get::<i64>("nothing"), Err(DbError::Column { .. })));
    let nobody = db.query_one("SELECT * FROM person WHERE id = $1", params![1_i64]).await.unwrap();
    assert_eq!(nobody.value("picture").unwrap(), &Value::Null);
    let total = db.query_one("SELECT COUNT(*) AS n, CAST(SUM(born) AS BIGINT) AS sum FROM person", params![]).await;
    assert_eq!(total.unwrap().get::<i64>("sum").unwrap(), NOW.0);
}

async fn errors_are_told_apart(db: &Db) {
    add(db, 10, "ann").await.unwrap();
    assert!(matches!(add(db, 11, "ann").await, Err(DbError::Conflict(_))));
    let visit = db.execute("INSERT INTO visit (person) VALUES ($1)", params![999_i64]).await;
    assert!(matches!(visit, Err(DbError::Reference(_))));
    assert!(matches!(db.query("SELECT broken", params![]).await, Err(DbError::Statement(_))));
    let missing = db.query_one("SELECT id FROM person WHERE id = $1", params![999_i64]).await;
    assert!(matches!(missing, Err(DbError::NotFound)));
}

async fn transactions_hold_together(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    tx.execute("INSERT INTO person (id, name, fields) VALUES (20, 'bob', '{}')", params![]).await.unwrap();
    drop(tx);
    assert!(db.query("SELECT id FROM person WHERE id = 20", params![]).await.unwrap().is_empty());
    let (first, second) = spawnable(db.clone()).await;
    assert!(second > first, "the engine counts");
}

/// A transaction must be usable in a spawned task.
async fn spawnable(db: Db) -> (i64, i64) {
    let work = async move {
        let person = 30_i64;
        add(&db, 30, "cid").await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let sql = "INSERT INTO visit (person, note) VALUES ($1, $2) RETURNING n";
        let first = tx.query_one(sql, params![person, "first"]).await.unwrap().get::<i64>("n").unwrap();
        let second = tx.query_one(sql, params![person, "second"]).await.unwrap().get::<i64>("n").unwrap();
        tx.commit().await.unwrap();
        (first, second)
    };
    tokio::spawn(work).await.unwrap()
}

async fn many_rows_go_in_at_once(db: &Db) {
    let insert = Insert {
        table: "person",
        columns: &["id", "name", "fields {json}"],
        conflict: "ON CONFLICT (id) DO UPDATE SET name = excluded.name",
    };
    let rows = |prefix: &'static str| {
        (0..5_000_u64).map(|n| params![100_000 + n, format!("{prefix}{n:05}"), r#"{"a":1}"#]).collect()
    };
    let mut tx = db.begin().await.unwrap();
    assert_eq!(tx.insert(&insert, rows("p")).await.unwrap(), 5_000);
    assert_eq!(tx.insert(&insert, rows("q")).await.unwrap(), 5_000);
    assert_eq!(tx.insert(&insert, Vec::new()).await.unwrap(), 0);
    let keep = Insert { conflict: "ON CONFLICT (id) DO NOTHING", ..insert };
    let some = vec![params![100_000_i64, "known", "{}"], params![200_000_i64, "r", "{}"]];
    let fresh = tx.insert_returning(&keep, some, "id").await.unwrap();
    assert_eq!(fresh.iter().map(|row| row.get::<i64>("id").unwrap()).collect::<Vec<_>>(), [200_000]);
    tx.commit().await.unwrap();
    let sql = "SELECT COUNT(*) AS n FROM person WHERE name >= 'q' AND name < 'r'";
    assert_eq!(db.query_one(sql, params![]).await.unwrap().get::<i64>("n").unwrap(), 5_000);
}

async fn pages_meet_every_row_once_in_byte_order(db: &Db) {
    for (id, name) in [(41, "é"), (42, "Z"), (43, "a"), (44, "_"), (45, "ä")] {
        add(db, id, name).await.unwrap();
    }
    let mut request = PageRequest { after: None, limit: Some(2) };
    let mut met: Vec<String> = Vec::new();
    loop {
        let start = request.start(1).unwrap().unwrap_or_else(|| params![""]);
        let sql = "SELECT name FROM person WHERE id BETWEEN 41 AND 45 AND name > $1 ORDER BY name LIMIT $2";
        let rows = db.query(sql, vec![start[0].clone(), request.fetch()]).await.unwrap();
        let names: Vec<String> = rows.iter().map(|row| row.get("name").unwrap()).collect();
        let page = db::Page::new(names, &request, |name| params![name]);
        met.extend(page.items);
        request.after = page.next;
        if request.after.is_none() {
            break;
        }
    }
    assert_eq!(met, ["Z", "_", "a", "ä", "é"]);
}

async fn all(db: &Db) {
    prepared(db).await;
    values_come_back(db).await;
    errors_are_told_apart(db).await;
    transactions_hold_together(db).await;
    many_rows_go_in_at_once(db).await;
    pages_meet_every_row_once_in_byte_order(db).await;
}

#[tokio::test]
async fn on_sqlite() {
    let (db, _directory) = sqlite().await;
    all(&db).await;
    let write = db.query("INSERT INTO visit (person) VALUES (30)", params![]).await;
    assert!(matches!(write, Err(DbError::Statement(_))), "readers cannot write");
}

#[tokio::test]
async fn on_postgres() {
    let Some(server) = db::testing::Server::start() else { return };
    let db = server.database("engine").await.unwrap();
    all(&db).await;
    crate::migrations::all(&server.database("migrations").await.unwrap()).await;
}

#[tokio::test]
async fn readers_do_not_wait_for_the_writer_and_a_dropped_transaction_changes_nothing() {
    let (db, _directory) = sqlite().await;
    prepared(&db).await;
    let mut tx = db.begin().await.unwrap();
    tx.execute("INSERT INTO person (id, name, fields) VALUES (1, 'x', '{}')", params![]).await.unwrap();
    let count = |rows: Vec<db::Row>| rows.len();
    assert_eq!(count(db.query("SELECT id FROM person", params![]).await.unwrap()), 0);
    assert_eq!(count(tx.query("SELECT id FROM person", params![]).await.unwrap()), 1);
    drop(tx);
    add(&db, 2, "y").await.unwrap();
    assert_eq!(count(db.query("SELECT id FROM person", params![]).await.unwrap()), 1);
}

#[tokio::test]
async fn what_is_committed_is_there_after_opening_again() {
    let (db, directory) = sqlite().await;
    prepared(&db).await;
    add(&db, 1, "kept").await.unwrap();
    db.close().await;
    assert!(matches!(db.query("SELECT 1", params![]).await, Err(DbError::Unavailable(_))));
    let again = Db::open(&format!("sqlite://{}/a file.db", directory.path().display())).await.unwrap();
    prepared(&again).await;
    assert_eq!(again.query("SELECT id FROM person", params![]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_foreign_url_is_refused_without_showing_its_password() {
    let error = Db::open("mysql://me:secret@host/name").await.unwrap_err();
    assert!(matches!(&error, DbError::Url { url } if url == "mysql://…@host/name"), "{error}");
}
