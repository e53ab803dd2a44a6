//! State with the client: a token that holds all of it, signed with a key that only the server has
//! (HMAC-SHA256). The server keeps nothing, so a restart loses nothing. It also cannot revoke a
//! token before it expires: a client may continue from the same token twice.

use std::fs::File;
use std::io::Read;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use protocol::state::{
    Add, Added, Kept, Reference, Refusal, Store, TOKEN_BYTES, from_text, to_text,
};
use sha2::Sha256;

use crate::config::StartError;

/// The shortest key.
pub(crate) const KEY_BYTES_MIN: usize = 32;

/// Makes tokens and knows its own.
#[derive(Clone)]
pub struct Tokens {
    mac: Hmac<Sha256>,
    words: usize,
    ttl: Duration,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("words", &self.words).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Signs with this key, or with one that nobody else will ever have. Tokens are good for `ttl`
    /// each.
    ///
    /// # Errors
    /// When the key is too short, or the kernel gives no random bytes.
    pub fn new(key: Option<&[u8]>, words: usize, ttl: Duration) -> Result<Self, StartError> {
        let own;
        let key = match key {
            Some(key) if key.len() < KEY_BYTES_MIN => {
                let what = format!("a key needs at least {KEY_BYTES_MIN} bytes, not {}", key.len());
                return Err(StartError::State(what));
            }
            Some(key) => key,
            None => {
                own = new_key()?;
                &own[..]
            }
        };
        let mac = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
        Ok(Self { mac, words, ttl })
    }

    fn read(&self, text: &[u8]) -> Option<Kept> {
        let token = from_text(text)?;
        let (signed, code) = token.split_at_checked(token.len().checked_sub(CODE_BYTES)?)?;
        // In time that does not depend on where it differs.
        self.mac.clone().chain_update(signed).verify_slice(code).ok()?;
        let (expires, state) = signed.split_first_chunk()?;
        let good = u64::from_le_bytes(*expires) >= now_ms();
        good.then(|| Kept::from_bytes(state, self.words))?
    }

    fn write(&self, kept: &Kept) -> Vec<u8> {
        let mut token = Vec::with_capacity(kept.written_len() + TOKEN_BYTES);
        let ttl_ms = u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX);
        token.extend_from_slice(&now_ms().saturating_add(ttl_ms).to_le_bytes());
        kept.write(&mut token);
        let code = self.mac.clone().chain_update(&token).finalize().into_bytes();
        token.extend_from_slice(&code);
        to_text(&token)
    }
}

impl Store for Tokens {
    fn add(&self, add: &Add<'_>, _: &mut Option<Box<Kept>>) -> Result<Added, Refusal> {
        let mut kept = if add.is_first() {
            Kept::new(self.words)
        } else {
            self.read(add.reference).ok_or(Refusal::BadToken)?
        };
        let (total, digest) = kept.step(add)?;
        let reference =
            if add.is_last() { Reference::Nothing } else { Reference::Text(self.write(&kept)) };
        Ok(Added { total, digest, reference })
    }
}

/// A key that nobody else will ever have.
///
/// # Errors
/// When the kernel gives no random bytes.
pub(crate) fn new_key() -> Result<[u8; KEY_BYTES_MIN], StartError> {
    let unread = |error| StartError::State(format!("cannot read /dev/urandom: {error}"));
    let mut key = [0; KEY_BYTES_MIN];
    let mut random = File::open("/dev/urandom").map_err(unread)?;
    random.read_exact(&mut key).map_err(unread)?;
    Ok(key)
}

/// Bytes of the code at the end of a token.
const CODE_BYTES: usize = 32;

/// The time of day: a token outlives the server, so the clock has to.
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
