use super::lockout::LockoutLimits;
use super::*;
use crate::config::PasswordHash;
use std::time::Duration;

const LIMITS: LockoutLimits =
    LockoutLimits { failures: 5, first: Duration::from_secs(30), longest: Duration::from_secs(900), names: 100 };

fn kept() -> Arc<Kept> {
    Arc::new(Kept { hasher: Hasher::new(2, 64), guard: Guard::default() })
}

fn account(name: &str, passcode: &str) -> Account {
    Account {
        name: name.to_owned(),
        password: PasswordHash::parse(&hash::new_phc(passcode.as_bytes()).unwrap()).unwrap(),
        roles: vec!["referrer".to_owned()],
        attributes: [("physician".to_owned(), vec!["MUELLER^HANS".to_owned()])].into(),
        disabled: false,
    }
}

#[tokio::test]
async fn the_right_passcode_gives_the_person() {
    let local = Local::with(&[account("müller", "correct horse")], LIMITS, kept());
    let user = local.check("müller", b"correct horse", 1000).await.unwrap();
    assert_eq!((user.name.as_str(), user.source.as_str()), ("müller", "local"));
    assert_eq!(user.roles, ["referrer"]);
    assert_eq!(user.values("user.physician"), ["MUELLER^HANS"]);
    assert!(!user.emergency);
}

#[tokio::test]
async fn every_refusal_costs_one_computation() {
    let kept = kept();
    let off = Account { disabled: true, ..account("off", "correct horse") };
    let local = Local::with(&[account("mueller", "correct horse"), off], LIMITS, Arc::clone(&kept));
    for (name, passcode, expected) in [
        ("mueller", &b"wrong"[..], LocalRefusal::Wrong(1)),
        ("mueller", b"", LocalRefusal::Wrong(2)),
        ("nobody", b"correct horse", LocalRefusal::Unknown),
        ("MUELLER", b"correct horse", LocalRefusal::Unknown),
        ("mueller ", b"correct horse", LocalRefusal::Unknown),
        ("", b"", LocalRefusal::Unknown),
        ("off", b"correct horse", LocalRefusal::Disabled),
        ("off", b"wrong", LocalRefusal::Disabled),
    ] {
        let before = kept.hasher.computed();
        let outcome = local.check(name, passcode, 1000).await;
        assert_eq!(outcome.unwrap_err(), expected, "{}", name);
        assert_eq!(kept.hasher.computed(), before + 1, "{}", name);
    }
}

#[tokio::test]
async fn a_locked_name_refuses_the_right_passcode_at_the_same_cost_even_after_a_reload() {
    let kept = kept();
    let accounts = [account("mueller", "correct horse")];
    let local = Local::with(&accounts, LIMITS, Arc::clone(&kept));
    for name in ["mueller", "nobody"] {
        for _ in 0..5 {
            local.check(name, b"wrong", 1000).await.unwrap_err();
        }
    }
    let reloaded = Local::with(&accounts, LIMITS, Arc::clone(&kept));
    let before = kept.hasher.computed();
    for name in ["mueller", "nobody"] {
        assert_eq!(reloaded.check(name, b"correct horse", 1000).await.unwrap_err(), LocalRefusal::Locked(30));
    }
    assert_eq!(kept.hasher.computed(), before + 2);
    reloaded.check("mueller", b"correct horse", 1030).await.unwrap();
}

#[tokio::test]
async fn of_many_guesses_at_once_no_more_count_than_one_after_the_other() {
    let local = Arc::new(Local::with(&[account("mueller", "7")], LIMITS, kept()));
    // Wrong ones are in the queue before the right one; by its turn the name is locked.
    let guesses = (0..8_u32).map(|guess| {
        let local = Arc::clone(&local);
        async move { local.check("mueller", guess.to_string().as_bytes(), 1000).await.is_ok() }
    });
    let mut set = tokio::task::JoinSet::new();
    let wrong = local.limits.failures;
    for guess in guesses {
        set.spawn(guess);
    }
    let right = set.join_all().await.into_iter().filter(|right| *right).count();
    // Whichever came first, at most that many guesses were judged by their passcode.
    assert!(right <= 1);
    let judged = local.kept.guard.judge(Subject::of(SOURCE, b"mueller"), false, &local.limits, 1000).await.unwrap();
    assert!(matches!(judged, Verdict::Locked(_)) || right == 1, "{judged:?} after more than {wrong} wrong guesses");
}

#[tokio::test]
async fn who_is_gone_disabled_or_has_another_passcode_does_not_go_on() {
    let before = Local::with(&[account("mueller", "correct horse")], LIMITS, kept());
    let person = before.check("mueller", b"correct horse", 1000).await.unwrap();
    let with = |account: Option<Account>| Local::with(account.as_slice(), LIMITS, kept());
    let same = before.accounts["mueller"].clone();
    let other_role = Account { roles: vec!["reader".to_owned()], ..same.clone() };
    let again = with(Some(other_role)).again(Some(&before), &person).unwrap();
    assert_eq!(again.roles, ["reader"]);
    assert!(with(None).again(Some(&before), &person).is_err());
    assert!(with(Some(Account { disabled: true, ..same })).again(Some(&before), &person).is_err());
    assert!(with(Some(account("mueller", "another one"))).again(Some(&before), &person).is_err());
}
