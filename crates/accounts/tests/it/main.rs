//! Accounts, sessions and keys over a real database.

mod unwritable;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use accounts::{
    AccountChange, AccountError, Accounts, ApiKeyChange, CLIENT_FAILURES_MAX, Exceeded, FAILURES_MAX, GUARD_WINDOW,
    KeyLimits, NewAccount, NewApiKey, OwnAccountChange, Role, SESSION_AGE_MAX, SESSION_IDLE_MAX, Scope,
};
use db::Db;
use model::time::{Clock as _, ManualClock, Timestamp};

struct Fixture {
    accounts: Accounts,
    db: Db,
    clock: ManualClock,
    _directory: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let db = Db::open(&format!("sqlite://{}", directory.path().join("ies.db").display())).await.unwrap();
    let clock = ManualClock::new(Timestamp::from_unix_s(1_790_000_000));
    let accounts = Accounts::open(db.clone(), Arc::new(clock.clone())).await.unwrap();
    Fixture { accounts, db, clock, _directory: directory }
}

fn from(client: &str) -> Option<IpAddr> {
    Some(client.parse().unwrap())
}

fn anna(role: Role) -> NewAccount {
    let password = Some("twelve letters and more".to_owned());
    NewAccount { email: "Anna@Example.org".to_owned(), name: String::new(), role, language: None, password }
}

#[tokio::test]
async fn logging_in_and_out() {
    let fixture = fixture().await;
    let (accounts, clock) = (&fixture.accounts, &fixture.clock);
    assert!(accounts.is_empty().await.unwrap());
    let (account, made_up) = accounts.create(anna(Role::Admin)).await.unwrap();
    assert!(made_up.is_none() && !account.must_change_password);
    assert!(matches!(accounts.create(anna(Role::Viewer)).await, Err(AccountError::Exists)));

    let found = accounts.authenticate("anna@example.ORG", "twelve letters and more", from("192.0.2.1")).await.unwrap();
    assert_eq!(found, account);
    let token = accounts.begin_session(&account).await.unwrap();
    assert_eq!(accounts.session(token.reveal()).await.unwrap(), Some(account.clone()));
    assert_eq!(accounts.session("forged").await.unwrap(), None);

    clock.advance(SESSION_IDLE_MAX - Duration::from_secs(1));
    assert!(accounts.session(token.reveal()).await.unwrap().is_some(), "seen in time");
    clock.advance(SESSION_IDLE_MAX - Duration::from_secs(1));
    assert!(accounts.session(token.reveal()).await.unwrap().is_some(), "the idle time began anew");
    clock.advance(SESSION_AGE_MAX);
    assert!(accounts.session(token.reveal()).await.unwrap().is_none(), "too old");

    let token = accounts.begin_session(&account).await.unwrap();
    accounts.end_session(token.reveal()).await.unwrap();
    assert!(accounts.session(token.reveal()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_made_up_password_is_temporary_until_it_is_changed() {
    let fixture = fixture().await;
    let accounts = &fixture.accounts;
    let (account, secret) = accounts.create(NewAccount { password: None, ..anna(Role::Admin) }).await.unwrap();
    let secret = secret.expect("a password was made up");
    assert!(account.must_change_password);
    let token = accounts.begin_session(&account).await.unwrap();
    let change = |new: &str| OwnAccountChange {
        current_password: Some(secret.reveal().to_owned()),
        new_password: Some(new.to_owned()),
        language: Some("fr".to_owned()),
        name: None,
    };
    let short = accounts.change_own(&account, token.reveal(), change("short")).await;
    assert!(matches!(short, Err(AccountError::Invalid { field: "password", .. })));
    let changed = accounts.change_own(&account, token.reveal(), change("a sentence of my own")).await.unwrap();
    assert_eq!(changed.language, "fr");
    assert!(accounts.session(token.reveal()).await.unwrap().is_none(), "other sessions end");
    let changed = accounts.authenticate("anna@example.org", "a sentence of my own", from("192.0.2.1")).await.unwrap();
    assert!(!changed.must_change_password);
}

#[tokio::test]
async fn only_the_session_of_the_one_time_password_sets_another_without_it() {
    let fixture = fixture().await;
    let accounts = &fixture.accounts;
    let own =
        |password: &str| OwnAccountChange { new_password: Some(password.to_owned()), ..OwnAccountChange::default() };
    let (account, _) = accounts.create(NewAccount { password: None, ..anna(Role::Admin) }).await.unwrap();
    let refused = async |account, token: &str| {
        let tried = accounts.change_own(account, token, own("somebody else's sentence")).await;
        assert!(matches!(tried, Err(AccountError::WrongCredentials)), "{tried:?}");
    };
    // Neither no session nor one of another account.
    let other = NewAccount { email: "bob@example.org".to_owned(), password: None, ..anna(Role::Viewer) };
    let (other, _) = accounts.create(other).await.unwrap();
    let of_other = accounts.begin_session(&other).await.unwrap();
    for token in ["", "forged", of_other.reveal()] {
        refused(&account, token).await;
    }
    // A password that is given is looked at, whatever the session.
    let token = accounts.begin_session(&account).await.unwrap();
    let wrong = OwnAccountChange { current_password: Some("a guess".to_owned()), ..own("a sentence of my own") };
    let tried = accounts.change_own(&account, token.reveal(), wrong).await;
    assert!(matches!(tried, Err(AccountError::WrongCredentials)));
    // Of two sessions of the one-time password the first sets the own one; with it both end.
    let late = accounts.begin_session(&account).await.unwrap();
    let changed = accounts.change_own(&account, token.reveal(), own("a sentence of my own")).await.unwrap();
    assert!(!changed.must_change_password);
    refused(&account, late.reveal()).await;
    refused(&account, token.reveal()).await;
    // From then on no session is enough.
    let account = accounts.authenticate("anna@example.org", "a sentence of my own", from("192.0.2.1")).await.unwrap();
    let token = accounts.begin_session(&account).await.unwrap();
    refused(&account, token.reveal()).await;
    // Nor is one that is older than a password made by an administrator.
    let reset = AccountChange { password: Some("made by somebody else".to_owned()), ..AccountChange::default() };
    let account = accounts.change(account.id, reset).await.unwrap();
    assert!(account.must_change_password);
    refused(&account, token.reveal()).await;
}

const RIGHT: &str = "twelve letters and more";

#[tokio::test]
async fn guessing_shuts_the_door_for_a_while() {
    let fixture = fixture().await;
    let (accounts, clock) = (&fixture.accounts, &fixture.clock);
    accounts.create(anna(Role::Admin)).await.unwrap();
    for idx in 0..FAILURES_MAX {
        // Neither spaces nor capitals make it another account.
        let email = if idx % 2 == 0 { " ANNA@example.org" } else { "anna@example.org " };
        let guess = accounts.authenticate(email, "guess", from("192.0.2.66")).await;
        assert!(matches!(guess, Err(AccountError::WrongCredentials)));
    }
    clock.advance(Duration::from_secs(60));
    let right = accounts.authenticate("anna@example.org", RIGHT, from("192.0.2.66")).await;
    let Err(AccountError::Shut { until, wait }) = right else { panic!("even the right password has to wait") };
    assert_eq!(wait, GUARD_WINDOW - Duration::from_secs(60));
    assert_eq!(until, clock.now().plus(wait));
    accounts.authenticate("anna@example.org", RIGHT, from("192.0.2.1")).await.expect("Anna, from elsewhere");
    clock.advance(wait);
    accounts.authenticate("anna@example.org", RIGHT, from("192.0.2.66")).await.unwrap();
}

#[tokio::test]
async fn guesses_side_by_side_are_not_more_than_one_after_the_other() {
    let fixture = fixture().await;
    let accounts = &fixture.accounts;
    accounts.create(anna(Role::Admin)).await.unwrap();
    let mut guesses = tokio::task::JoinSet::new();
    for _ in 0..FAILURES_MAX * 3 {
        let accounts = accounts.clone();
        guesses.spawn(async move { accounts.authenticate("anna@example.org", "guess", from("192.0.2.66")).await });
    }
    let (mut checked, mut shut) = (0, 0);
    while let Some(guess) = guesses.join_next().await {
        match guess.unwrap() {
            Err(AccountError::WrongCredentials) => checked += 1,
            Err(AccountError::Shut { .. }) => shut += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((checked, shut), (FAILURES_MAX, FAILURES_MAX * 2));
}

#[tokio::test]
async fn an_address_cannot_try_one_account_after_another() {
    let fixture = fixture().await;
    let accounts = &fixture.accounts;
    accounts.create(anna(Role::Admin)).await.unwrap();
    // Longer than any password: refused without a hash, and counted all the same.
    let long = "x".repeat(300);
    for idx in 0..CLIENT_FAILURES_MAX {
        accounts.authenticate(&format!("user-{idx}@example.org"), &long, from("192.0.2.66")).await.unwrap_err();
        if idx % 25 == 0 {
            accounts.authenticate("anna@example.org", RIGHT, from("192.0.2.66")).await.unwrap();
        }
    }
    let right = accounts.authenticate("anna@example.org", RIGHT, from("192.0.2.66")).await;
    assert!(matches!(right, Err(AccountError::Shut { .. })), "an account of one's own washes no address clean");
    accounts.authenticate("anna@example.org", RIGHT, from("192.0.2.1")).await.unwrap();
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let fixture = fixture().await;
    let accounts = &fixture.accounts;
    let (first, _) = accounts.create(anna(Role::Admin)).await.unwrap();
    assert!(matches!(accounts.remove(first.id).await, Err(AccountError::LastAdmin)));
    let other = NewAccount { email: "bob@example.org".to_owned(), ..anna(Role::Admin) };
    let demote = || AccountChange { role: Some(Role::Viewer), ..AccountChange::default() };
    assert!(matches!(accounts.change(first.id, demote()).await, Err(AccountError::LastAdmin)));
    let (other, _) = accounts.create(other).await.unwrap();
    let disabled = AccountChange { disabled: Some(true), ..AccountChange::default() };
    let token = accounts.begin_session(&other).await.unwrap();
    assert!(accounts.change(other.id, disabled).await.unwrap().disabled);
    assert!(accounts.session(token.reveal()).await.unwrap().is_none(), "disabled: sessions end");
    let login = accounts.authenticate("bob@example.org", "twelve letters and more", from("192.0.2.1")).await;
    assert!(matches!(login, Err(AccountError::WrongCredentials)));
    assert!(matches!(accounts.remove(first.id).await, Err(AccountError::LastAdmin)), "the other one is disabled");
    accounts.change(other.id, AccountChange { disabled: Some(false), ..AccountChange::default() }).await.unwrap();
    accounts.remove(first.id).await.unwrap();
    assert!(matches!(accounts.remove(first.id).await, Err(AccountError::NotFound)));
}

#[tokio::test]
async fn keys_open_what_they_are_for_until_they_are_removed() {
    let fixture = fixture().await;
    let accounts = &fixture.accounts;
    let new = NewApiKey { name: "shop".to_owned(), scopes: vec![Scope::Inject], ..NewApiKey::default() };
    let (key, secret) = accounts.create_api_key(new, "anna@example.org").await.unwrap();
    assert!(secret.reveal().starts_with(&key.prefix));
    let found = accounts.api_key(secret.reveal()).await.unwrap().expect("it is known");
    assert_eq!((found.id, found.scopes), (key.id, vec![Scope::Inject]));
    assert!(accounts.api_keys().await.unwrap()[0].last_used_at.is_some());
    assert!(accounts.api_key("ies_nonsense").await.unwrap().is_none());

    let renewed = accounts.renew_api_key(key.id).await.unwrap();
    assert!(accounts.api_key(secret.reveal()).await.unwrap().is_none(), "the old secret opens nothing");
    let found = accounts.api_key(renewed.reveal()).await.unwrap().expect("the new one does");
    assert_eq!((found.id, found.name.as_str(), found.scopes), (key.id, "shop", vec![Scope::Inject]));
    assert!(renewed.reveal().starts_with(&found.prefix));

    accounts.remove_api_key(key.id).await.unwrap();
    assert!(accounts.api_key(renewed.reveal()).await.unwrap().is_none());
    assert!(matches!(accounts.renew_api_key(key.id).await, Err(AccountError::NotFound)));
}

#[tokio::test]
async fn what_a_key_used_today_survives_a_restart_and_its_limits_can_be_changed() {
    let fixture = fixture().await;
    let accounts = &fixture.accounts;
    let limits = KeyLimits { per_day: Some(10), ..KeyLimits::default() };
    let new = NewApiKey { name: "shop".to_owned(), scopes: vec![Scope::Inject], limits };
    let (key, secret) = accounts.create_api_key(new, "anna@example.org").await.unwrap();
    assert_eq!(accounts.charge(&key, 8).await.unwrap().unwrap()[0].remaining, 2);
    assert!(matches!(accounts.charge(&key, 3).await.unwrap(), Err(Exceeded::Wait { .. })));
    accounts.give_back(&key, 8);
    assert_eq!(accounts.charge(&key, 9).await.unwrap().unwrap()[0].remaining, 1);

    // The first charge was written at once, the other ones less than five seconds later.
    let again = Accounts::open(fixture.db.clone(), Arc::new(fixture.clock.clone())).await.unwrap();
    let found = again.api_key(secret.reveal()).await.unwrap().unwrap();
    assert_eq!(again.allowances(&found).await.unwrap()[0].remaining, 2);
    let limits = KeyLimits { per_day: Some(20), tenants: vec!["acme".into()], ..KeyLimits::default() };
    let changed = ApiKeyChange { name: None, limits: Some(limits.clone()) };
    assert_eq!(again.change_api_key(key.id, changed).await.unwrap().limits, limits);
    let found = again.api_key(secret.reveal()).await.unwrap().unwrap();
    assert_eq!((found.limits.clone(), found.name.as_str()), (limits, "shop"));
    assert_eq!(again.charge(&found, 12).await.unwrap().unwrap()[0].remaining, 0);
    let none = ApiKeyChange { name: Some("till".to_owned()), limits: Some(KeyLimits::default()) };
    assert!(again.change_api_key(key.id, none).await.unwrap().limits.is_none());
    again.remove_api_key(key.id).await.unwrap();
    let gone = again.change_api_key(key.id, ApiKeyChange::default()).await;
    assert!(matches!(gone, Err(AccountError::NotFound)));
}
