//! Tokens: what is sealed comes back, what is foreign, changed, cut or sealed by others does not.

use proptest::prelude::*;

use super::*;

fn keys() -> Keys {
    Keys::new(&[(7, [7; SECRET_LEN]), (6, [6; SECRET_LEN])]).unwrap()
}

fn mail() -> MailRef {
    let message = MessageId(0x0301_0203_0405_0607);
    MailRef {
        message,
        recipient: RecipientId(message.0 + 4_711),
        contact: Some(ContactId(message.0 - (90_000_000 << 22))),
        campaign: Some(CampaignId(message.0 - (86_400_000 << 22))),
    }
}

fn any_mail() -> impl Strategy<Value = MailRef> {
    (any::<u64>(), any::<u64>(), any::<Option<u64>>(), any::<Option<u64>>()).prop_map(
        |(message, recipient, contact, campaign)| MailRef {
            message: MessageId(message),
            recipient: RecipientId(recipient),
            contact: contact.map(ContactId),
            campaign: campaign.map(CampaignId),
        },
    )
}

fn any_token() -> impl Strategy<Value = Token> {
    prop_oneof![
        any_mail().prop_map(Token::Open),
        any_mail().prop_map(Token::Ref),
        (any_mail(), any::<u16>(), any::<Option<String>>()).prop_map(|(mail, link, url)| Token::Click {
            mail,
            link,
            url
        }),
        (any_mail(), any::<Option<u64>>(), prop::option::of(any_addressee()))
            .prop_map(|(mail, list, to)| Token::Unsubscribe { mail, list: list.map(ListId), to }),
    ]
}

fn any_addressee() -> impl Strategy<Value = Addressee> {
    ("\\PC{0,60}", "\\PC{0,30}", "\\PC{0,30}").prop_map(|(address, tenant, stream)| Addressee {
        address,
        tenant: tenant.into(),
        stream: stream.into(),
    })
}

#[test]
fn a_token_in_a_link_is_short_and_safe_in_a_url() {
    let text = keys().seal(&Token::Click { mail: mail(), link: 12, url: None });
    assert!(text.len() <= 60, "{} letters: {text}", text.len());
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
}

#[test]
fn another_key_and_an_old_key() {
    let token = Token::Open(mail());
    let old = Keys::new(&[(6, [6; SECRET_LEN])]).unwrap().seal(&token);
    assert_eq!(keys().open(&old), Ok(token.clone()), "an older key still opens");
    let foreign = Keys::new(&[(7, [8; SECRET_LEN])]).unwrap().seal(&token);
    assert_eq!(keys().open(&foreign), Err(TokenError::Forged));
    let unknown = Keys::new(&[(9, [7; SECRET_LEN])]).unwrap().seal(&token);
    assert_eq!(keys().open(&unknown), Err(TokenError::UnknownKey(9)));
}

#[test]
fn a_url_is_carried_up_to_its_limit() {
    let sealed = |length: usize| {
        let url = format!("https://example.com/{}", "x".repeat(length - 20));
        keys().open(&keys().seal(&Token::Click { mail: mail(), link: 3, url: Some(url) })).unwrap()
    };
    assert!(matches!(sealed(URL_MAX), Token::Click { url: Some(url), .. } if url.len() == URL_MAX));
    assert!(matches!(sealed(URL_MAX + 1), Token::Click { url: None, link: 3, .. }));
}

#[test]
fn an_unsubscribe_token_of_the_first_form_is_opened_for_good() {
    // Sealed before tokens carried the address: such mails lie in mailboxes for years.
    let keys = Keys::new(&[(1, [9; SECRET_LEN])]).unwrap();
    let mail = MailRef {
        message: MessageId(7_000_000_000),
        recipient: RecipientId(7_000_000_001),
        contact: Some(ContactId(44)),
        campaign: Some(CampaignId(55)),
    };
    let token = Token::Unsubscribe { mail, list: Some(ListId(66)), to: None };
    let sealed = "AfVpU5yDdWrcbY3HhUtDdEdV_mRaliOPQ_jSbLukKhxmY7QY1QCj82fm";
    assert_eq!(keys.open(sealed), Ok(token.clone()));
    assert_eq!(keys.seal(&token), sealed);
}

#[test]
fn an_addressee_is_carried_up_to_its_limits() {
    let sealed = |address: usize, names: usize| {
        let (address, tenant) = ("a".repeat(address), Name::from("t".repeat(names - 4)));
        let to = Some(Addressee { address, tenant, stream: Name::from("bulk") });
        keys().seal(&Token::Unsubscribe { mail: mail(), list: Some(ListId(u64::MAX / 2)), to })
    };
    let opened = |text: &str| match keys().open(text).unwrap() {
        Token::Unsubscribe { to, .. } => to.map(|to| (to.address.len(), to.tenant.len() + to.stream.len())),
        other => panic!("{other:?}"),
    };
    let longest = sealed(ADDRESS_MAX, NAMES_MAX);
    assert_eq!(opened(&longest), Some((ADDRESS_MAX, NAMES_MAX)));
    assert!(longest.len() + "List-Unsubscribe: <https://click.example.com/u/>,".len() <= 998, "{}", longest.len());
    // The address is what must not be lost: too long a name widens the right, it does not end it.
    assert_eq!(opened(&sealed(30, NAMES_MAX + 1)), Some((30, 0)));
    assert_eq!(opened(&sealed(ADDRESS_MAX + 1, 8)), None);
    assert!(sealed(30, 11).len() <= 130, "{}", sealed(30, 11));
}

#[test]
fn key_files_are_read_and_refused() {
    let text = keys().to_file_text();
    assert_eq!(text.parse::<Keys>().unwrap().to_file_text(), text);
    assert_eq!(format!("{:?}", keys()), "Keys([7, 6])");
    let line = |text: &str| text.parse::<Keys>().map(|_| ()).unwrap_err();
    assert_eq!(line("# nothing\n"), KeysError::Empty);
    assert_eq!(line("1 zz"), KeysError::Line(1));
    assert_eq!(line(&format!("\n256 {}", "00".repeat(32))), KeysError::Line(2));
    assert_eq!(line(&format!("1 {0}\n1 {0}", "00".repeat(32))), KeysError::Twice(1));
    let many: String = (0..=KEYS_MAX).map(|id| format!("{id} {}\n", "00".repeat(32))).collect();
    assert_eq!(line(&many), KeysError::TooMany);
}

#[test]
fn a_word_is_what_its_mark_says() {
    let keys = keys();
    let refer = Token::Ref(mail());
    let leave = Token::Unsubscribe { mail: mail(), list: Some(ListId(5)), to: None };
    let back = Token::Return { recipient: RecipientId(20), campaign: None };
    let check = |word: &str, expected: Result<&Token, TokenError>| {
        assert_eq!(keys.open_word(word), expected.cloned(), "{word}");
    };
    let malformed = Err(TokenError::Malformed);
    for (token, own) in [(&refer, "r."), (&leave, "u."), (&back, "b.")] {
        let text = keys.seal(token);
        for mark in ["r.", "u.", "b.", "R.", "U.", "B."] {
            let fits = mark.eq_ignore_ascii_case(own);
            let opened = keys.open_word(&format!("{mark}{text}"));
            assert_eq!(opened.as_ref().ok(), fits.then_some(token), "{mark} {token:?}");
        }
        check(&text, if own == "b." { malformed } else { Ok(token) });
    }
    // Folded on its way, a return token opens all the same.
    check(&format!("b.{}", keys.seal(&back)).to_uppercase(), Ok(&back));
    assert!(keys.open_word(&format!("r.{}", keys.seal(&refer)).to_uppercase()).is_err());
    check(&keys.seal(&Token::Open(mail())), Ok(&Token::Open(mail())));
    for nothing in ["", "u", "u.", "b.", "r.x", "é.", "unsubscribe", "CAF1234"] {
        check(nothing, malformed);
    }
    assert!(matches!(keys.open_return(&keys.seal(&refer)), Err(TokenError::Malformed)));
}

proptest! {
    #[test]
    fn what_is_sealed_is_opened(token in any_token()) {
        let text = keys().seal(&token);
        prop_assert_eq!(&text, &keys().seal(&token), "the same payload gives the same token");
        prop_assert_eq!(keys().open(&text), Ok(token));
    }

    #[test]
    fn return_paths_survive_a_change_of_case_and_fit(recipient: u64, campaign: Option<u64>) {
        let (recipient, campaign) = (RecipientId(recipient), campaign.map(CampaignId));
        let path = keys().return_path(recipient, campaign, "bounce.example.com");
        let (local, _) = path.split_once('@').unwrap();
        prop_assert!(local.len() <= 64);
        for local in [local.to_owned(), local.to_uppercase()] {
            prop_assert_eq!(keys().open_return(&local), Ok(Token::Return { recipient, campaign }));
        }
        prop_assert!(keys().open(&local[2..]).is_err());
    }

    #[test]
    fn what_was_changed_or_cut_is_refused(token in any_token(), at: prop::sample::Index, other in "[A-Za-z0-9_-]") {
        let text = keys().seal(&token);
        let at = at.index(text.len());
        prop_assert!(keys().open(&text[..at]).is_err(), "cut at {}", at);
        let mut changed = text.clone();
        changed.replace_range(at..=at, &other);
        prop_assume!(changed != text);
        prop_assert!(keys().open(&changed).is_err(), "changed at {}", at);
    }

    #[test]
    fn foreign_text_is_refused(text in "\\PC{0,90}", base64 in "[A-Za-z0-9_-]{0,120}", base32 in "b\\.[a-z2-7]{0,62}") {
        for text in [&text, &base64] {
            prop_assert!(keys().open(text).is_err());
        }
        for text in [&text, &base64, &base32] {
            prop_assert!(keys().open_return(text).is_err());
            for mark in ["b.", "r.", "u."] {
                let word = format!("{mark}{text}");
                prop_assert!(keys().open_word(&word).is_err());
            }
        }
    }
}
