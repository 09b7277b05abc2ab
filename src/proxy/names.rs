//! Names that nobody vouched for, in records: told apart, not shown.

use ring::hmac;
use ring::rand::SystemRandom;

/// Turns a name into a short word that says only whether two names are the same, while this gateway runs.
#[derive(Debug)]
pub struct Names(Option<hmac::Key>);

impl Names {
    /// With a key that nobody ever sees.
    pub fn new() -> Self {
        Self(hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok())
    }

    /// The word: `#` and 12 hexadecimal digits.
    pub fn veil(&self, name: &str) -> String {
        let Some(key) = &self.0 else { return "#".to_owned() };
        let digest = hmac::sign(key, name.as_bytes());
        let hex: String = digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("#{hex}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_gives_the_same_word_here_and_another_one_elsewhere() {
        let (here, elsewhere) = (Names::new(), Names::new());
        assert_eq!(here.veil("geheim\n"), here.veil("geheim\n"));
        assert_ne!(here.veil("geheim\n"), here.veil("geheim"));
        assert_ne!(here.veil("geheim\n"), elsewhere.veil("geheim\n"));
        assert_eq!(here.veil("geheim\n").len(), 13);
    }
}
