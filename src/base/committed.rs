//! Files of the repository that tests make again.

use std::fs;
use std::path::Path;

/// Compares a text with the committed file, or accepts it with `INSTA_UPDATE=always`, as snapshots do.
pub(crate) fn assert_committed(file: &str, text: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
        fs::write(&path, text).expect("written");
    }
    let kept = fs::read(&path).expect(file);
    assert!(kept == text, "accept it with INSTA_UPDATE=always cargo test --lib: {file}");
}
