//! PKCS#11: a token's key wraps the keys of the ring, which lie wrapped in the folder. The token is asked once at a start
//! and at a reload, never while images pass.
//!
//! An AES key wraps by CKM_AES_KEY_WRAP where it may wrap, else by CKM_AES_GCM; an RSA key by OAEP. Whatever comes out is
//! held against the check value.

use super::check::CheckValue;
use super::fault::Problem;
use super::file::{Wrapped, Wrapping};
use super::folder;
use crate::config::pkcs11::{PinSource, TokenUri};
use crate::vault::KeyId;
use crate::vault::suite::Key256;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of a nonce of AES-GCM, and bits of its tag.
const NONCE: usize = 12;
const TAG_BITS: u64 = 128;

/// A wrapped key: its number, where it lies, and what lies there.
pub(super) type Item<'i> = (KeyId, &'i Path, &'i (Wrapped, CheckValue));

/// So long may a token take for all that it is asked at once.
const ANSWER: Duration = Duration::from_secs(60);

/// Has the token unwrap keys.
pub(super) fn unwrap(uri: &TokenUri, items: &[Item<'_>]) -> Result<Vec<(KeyId, Key256)>, Problem> {
    let items: Vec<_> =
        items.iter().map(|(id, path, (wrapped, check))| (*id, path.to_path_buf(), (wrapped.clone(), *check))).collect();
    let own = uri.clone();
    within(ANSWER, &uri.words(), move || {
        let items: Vec<_> = items.iter().map(|(id, path, wrapped)| (*id, path.as_path(), wrapped)).collect();
        unwrap_all(&own, &items)
    })
}

/// Has the token wrap a key, and unwrap it again.
pub(super) fn wrap(uri: &TokenUri, key: &Key256) -> Result<Wrapped, Problem> {
    let (own, key) = (uri.clone(), key.clone());
    within(ANSWER, &uri.words(), move || wrap_one(&own, &key))
}

/// Waits for an answer so long and no longer: a module that hangs would hold up a start, and every reload for ever. Its
/// thread is left behind.
pub(super) fn within<T: Send + 'static>(
    limit: Duration,
    token: &str,
    ask: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let (answer, answered) = mpsc::sync_channel(1);
    let asked = thread::Builder::new().name("token".to_owned()).spawn(move || {
        // Nobody waits any more: then the answer goes.
        let _ = answer.send(ask());
    });
    asked.map_err(|fault| Problem::Token(format!("no thread can be started to ask {token}: {fault}")))?;
    answered
        .recv_timeout(limit)
        .unwrap_or_else(|_| Err(Problem::Token(format!("{token} does not answer within {} seconds", limit.as_secs()))))
}

fn unwrap_all(uri: &TokenUri, items: &[Item<'_>]) -> Result<Vec<(KeyId, Key256)>, Problem> {
    let open = Open::new(uri)?;
    let mut keys = Vec::with_capacity(items.len());
    for (id, path, (wrapped, check)) in items {
        let key = open.unwrap(wrapped).map_err(|words| {
            let shown = path.display();
            Problem::Token(format!("{} does not unwrap `{shown}`: {words}", uri.words()))
        })?;
        if CheckValue::of(&key) != *check {
            return Err(Problem::Damaged(path.to_path_buf()));
        }
        keys.push((*id, key));
    }
    Ok(keys)
}

fn wrap_one(uri: &TokenUri, key: &Key256) -> Result<Wrapped, Problem> {
    let open = Open::new(uri)?;
    let wrapped = open.wrap(key).map_err(|words| Problem::Token(format!("{} wraps nothing: {words}", uri.words())))?;
    match open.unwrap(&wrapped) {
        Ok(again) if again == *key => Ok(wrapped),
        Ok(_) => Err(Problem::Token(format!("{} does not give back what it wrapped", uri.words()))),
        Err(words) => Err(Problem::Token(format!("{} does not unwrap what it wrapped: {words}", uri.words()))),
    }
}

/// A session with the token, logged in, and its key.
struct Open {
    context: Pkcs11,
    slot: Slot,
    session: Session,
    /// What unwraps: the secret or private key.
    key: ObjectHandle,
    kind: KeyType,
    /// What encrypts where the key is RSA.
    public: Option<ObjectHandle>,
}

impl Open {
    fn new(uri: &TokenUri) -> Result<Self, Problem> {
        let module = uri.module.display();
        let context = Pkcs11::new(&uri.module).map_err(|fault| {
            Problem::Token(format!("the PKCS#11 module `{module}` cannot be loaded: {}", words(&fault)))
        })?;
        match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Loaded before, at the start or the last reload.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(fault) => {
                return Err(Problem::Token(format!("the PKCS#11 module `{module}` does not begin: {}", words(&fault))));
            }
        }
        let slot = slot(&context, uri)?;
        let token = uri.token.as_deref().or(uri.serial.as_deref()).unwrap_or_default();
        let failed = |fault: &Error| Problem::Token(format!("token `{token}`: {}", words(fault)));
        let session =
            context.open_rw_session(slot).or_else(|_| context.open_ro_session(slot)).map_err(|fault| failed(&fault))?;
        login(&session, uri, token)?;
        let (key, kind, public) = find(&session, uri, token)?;
        Ok(Self { context, slot, session, key, kind, public })
    }

    fn wrap(&self, key: &Key256) -> Result<Wrapped, String> {
        if self.kind == KeyType::RSA {
            return self.wrap_rsa(key);
        }
        let known = self.context.get_mechanism_list(self.slot).map_err(|fault| words(&fault))?;
        if known.contains(&MechanismType::AES_KEY_WRAP)
            && self.may(AttributeType::Wrap)
            && self.may(AttributeType::Unwrap)
        {
            return self.wrap_aes(key);
        }
        let mut nonce = [0; NONCE];
        SystemRandom::new().fill(&mut nonce).map_err(|_| Problem::NoRandom.to_string())?;
        let mut bytes = nonce.to_vec();
        let params = GcmParams::new(&mut nonce, &[], TAG_BITS.into()).map_err(|fault| words(&fault))?;
        let sealed =
            self.session.encrypt(&Mechanism::AesGcm(params), self.key, key.reveal()).map_err(|fault| words(&fault))?;
        bytes.extend(sealed);
        Ok(Wrapped { how: Wrapping::AesGcm, bytes })
    }

    fn wrap_aes(&self, key: &Key256) -> Result<Wrapped, String> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Token(false),
            Attribute::Extractable(true),
            Attribute::Sensitive(false),
            Attribute::Value(key.reveal().to_vec()),
        ];
        let object = self.session.create_object(&template);
        wipe(template);
        let object = object.map_err(|fault| words(&fault))?;
        let wrapped = self.session.wrap_key(&Mechanism::AesKeyWrap, self.key, object);
        let _ = self.session.destroy_object(object);
        Ok(Wrapped { how: Wrapping::AesKeyWrap, bytes: wrapped.map_err(|fault| words(&fault))? })
    }

    fn wrap_rsa(&self, key: &Key256) -> Result<Wrapped, String> {
        let public = self.public.ok_or("the token has the private key and not the public one beside it")?;
        let mut last = String::new();
        for how in [Wrapping::RsaOaepSha256, Wrapping::RsaOaepSha1] {
            match self.session.encrypt(&oaep(how), public, key.reveal()) {
                Ok(bytes) => {
                    let wrapped = Wrapped { how, bytes };
                    // Some encrypt in ways in which they do not decrypt.
                    match self.unwrap(&wrapped) {
                        Ok(_) => return Ok(wrapped),
                        Err(words) => last = words,
                    }
                }
                Err(fault) => last = words(&fault),
            }
        }
        Err(last)
    }

    fn unwrap(&self, wrapped: &Wrapped) -> Result<Key256, String> {
        let rsa = matches!(wrapped.how, Wrapping::RsaOaepSha256 | Wrapping::RsaOaepSha1);
        if rsa != (self.kind == KeyType::RSA) {
            return Err("it was wrapped by a key of another kind".to_owned());
        }
        let bytes = match wrapped.how {
            Wrapping::AesKeyWrap => return self.unwrap_aes(&wrapped.bytes),
            Wrapping::AesGcm => {
                let (nonce, sealed) = wrapped.bytes.split_at_checked(NONCE).ok_or("it is too short")?;
                let mut nonce = nonce.to_vec();
                let params = GcmParams::new(&mut nonce, &[], TAG_BITS.into()).map_err(|fault| words(&fault))?;
                self.session.decrypt(&Mechanism::AesGcm(params), self.key, sealed)
            }
            how => self.session.decrypt(&oaep(how), self.key, &wrapped.bytes),
        };
        key(Zeroizing::new(bytes.map_err(|fault| words(&fault))?))
    }

    fn unwrap_aes(&self, wrapped: &[u8]) -> Result<Key256, String> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Token(false),
            Attribute::Extractable(true),
            Attribute::Sensitive(false),
        ];
        let object = self
            .session
            .unwrap_key(&Mechanism::AesKeyWrap, self.key, wrapped, &template)
            .map_err(|fault| words(&fault))?;
        let values = self.session.get_attributes(object, &[AttributeType::Value]);
        let _ = self.session.destroy_object(object);
        let value = values.map_err(|fault| words(&fault))?.into_iter().find_map(|attribute| match attribute {
            Attribute::Value(value) => Some(Zeroizing::new(value)),
            _ => None,
        });
        key(value.ok_or("the token does not hand out what it unwrapped")?)
    }

    /// Whether the key may be used so.
    fn may(&self, what: AttributeType) -> bool {
        self.session.get_attributes(self.key, &[what]).is_ok_and(|found| {
            found.iter().any(|attribute| matches!(attribute, Attribute::Wrap(true) | Attribute::Unwrap(true)))
        })
    }
}

fn slot(context: &Pkcs11, uri: &TokenUri) -> Result<Slot, Problem> {
    let slots = context
        .get_slots_with_token()
        .map_err(|fault| Problem::Token(format!("the PKCS#11 module lists no tokens: {}", words(&fault))))?;
    let mut labels = Vec::new();
    for slot in slots {
        let Ok(info) = context.get_token_info(slot) else { continue };
        let (label, serial) = (info.label().trim(), info.serial_number().trim());
        let fits = uri.token.as_deref().is_none_or(|wanted| wanted == label)
            && uri.serial.as_deref().is_none_or(|wanted| wanted == serial);
        if fits && info.token_initialized() {
            return Ok(slot);
        }
        labels.extend(Some(format!("`{label}`")).filter(|_| info.token_initialized()));
    }
    let wanted = uri.token.as_deref().or(uri.serial.as_deref()).unwrap_or_default();
    let there = match labels.is_empty() {
        true => "it has none".to_owned(),
        false => format!("it has {}", labels.join(", ")),
    };
    Err(Problem::Token(format!("the PKCS#11 module `{}` has no token `{wanted}`: {there}", uri.module.display())))
}

fn login(session: &Session, uri: &TokenUri, token: &str) -> Result<(), Problem> {
    let Some(source) = &uri.pin else { return Ok(()) };
    let pin = match source {
        PinSource::Value(value) => Zeroizing::new(value.clone()),
        PinSource::Environment(name) => Zeroizing::new(std::env::var(name).map_err(|_| {
            Problem::Token(format!("the environment variable `{name}` with the PIN of token `{token}` is not set"))
        })?),
        PinSource::File(path) => {
            let text = folder::read(path, true)?;
            Zeroizing::new(text.lines().next().unwrap_or_default().trim().to_owned())
        }
    };
    let pin = AuthPin::new(pin.as_str().into());
    match session.login(UserType::User, Some(&pin)) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinLenRange | RvError::PinInvalid, _)) => {
            Err(Problem::Token(format!("the PIN of token `{token}` is wrong; too many tries lock it")))
        }
        Err(Error::Pkcs11(RvError::PinLocked, _)) => {
            Err(Problem::Token(format!("the PIN of token `{token}` is locked: its security officer can unlock it")))
        }
        Err(fault) => Err(Problem::Token(format!("token `{token}` lets nobody in: {}", words(&fault)))),
    }
}

/// The key that the URI names, what kind it is, and, of RSA, the public one.
fn find(
    session: &Session,
    uri: &TokenUri,
    token: &str,
) -> Result<(ObjectHandle, KeyType, Option<ObjectHandle>), Problem> {
    let named = |class: ObjectClass| {
        let mut template = vec![Attribute::Class(class), Attribute::Token(true)];
        template.extend(uri.object.as_ref().map(|label| Attribute::Label(label.as_bytes().to_vec())));
        template.extend(uri.id.as_ref().map(|id| Attribute::Id(id.clone())));
        session.find_objects(&template).unwrap_or_default()
    };
    let keys: Vec<ObjectHandle> =
        named(ObjectClass::SECRET_KEY).into_iter().chain(named(ObjectClass::PRIVATE_KEY)).collect();
    let key = match keys.as_slice() {
        [only] => *only,
        [] => {
            let pin =
                if uri.pin.is_none() { " (no PIN is given, and private objects do not show without)" } else { "" };
            let words = format!("token `{token}` has no AES or RSA key as named{pin}: {}", uri.words());
            return Err(Problem::Token(words));
        }
        _ => return Err(Problem::Token(format!("token `{token}` has several keys: {}; add `id=`", uri.words()))),
    };
    let kinds = session.get_attributes(key, &[AttributeType::KeyType]).unwrap_or_default();
    let kind = kinds.into_iter().find_map(|attribute| match attribute {
        Attribute::KeyType(kind) => Some(kind),
        _ => None,
    });
    match kind {
        Some(KeyType::AES) => Ok((key, KeyType::AES, None)),
        Some(KeyType::RSA) => Ok((key, KeyType::RSA, named(ObjectClass::PUBLIC_KEY).first().copied())),
        _ => Err(Problem::Token(format!("{} is neither AES nor RSA", uri.words()))),
    }
}

fn oaep(how: Wrapping) -> Mechanism<'static> {
    let (hash, mask) = match how {
        Wrapping::RsaOaepSha1 => (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
        _ => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
    };
    Mechanism::RsaPkcsOaep(PkcsOaepParams::new(hash, mask, PkcsOaepSource::empty()))
}

fn key(bytes: Zeroizing<Vec<u8>>) -> Result<Key256, String> {
    let mut whole: [u8; 32] = bytes.as_slice().try_into().map_err(|_| "what comes out is no key of 256 bits")?;
    let key = Key256::new(&whole);
    whole.zeroize();
    Ok(key)
}

fn wipe(template: [Attribute; 6]) {
    for attribute in template {
        if let Attribute::Value(mut value) = attribute {
            value.zeroize();
        }
    }
}

/// A fault of the library or token in one line.
fn words(fault: &Error) -> String {
    match fault {
        Error::LibraryLoading(fault) => fault.to_string().lines().next().unwrap_or_default().to_owned(),
        Error::Pkcs11(code, function) => format!("{code:?} of {function:?}"),
        other => other.to_string(),
    }
}
