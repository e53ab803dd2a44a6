//! A page of an HTTP server that is not ours: the first reply defines what a good reply is.

use std::sync::Arc;

use protocol::http::Method;
use protocol::{Ask, AskError, Exchange, Recipe};

/// A page, and how its replies are judged: the status must be from 200 to 299, and bodies as long
/// as the first unless they vary by nature.
#[derive(Debug)]
pub struct Page {
    path: String,
    request: Vec<u8>,
    recipe: Arc<Recipe>,
}

impl Page {
    /// A page at a path, for as long as the program runs.
    ///
    /// # Errors
    /// When it is no path.
    pub fn from_path(path: &str) -> Result<&'static Self, AskError> {
        Ok(Box::leak(Box::new(Self::new(path, false)?)))
    }

    /// The same page, whose bodies are not all as long as the first.
    #[must_use]
    pub fn varying(&self) -> &'static Self {
        let page = Self::new(&self.path, true).expect("it was a path before");
        Box::leak(Box::new(page))
    }

    fn new(path: &str, varies: bool) -> Result<Self, AskError> {
        let ask = Ask::new(&Method::new("GET")?, path, "localhost", &[], &[])?;
        let ask = if varies { ask.of_any_length() } else { ask };
        let request = ask.request().to_vec();
        Ok(Self { path: path.into(), request, recipe: Arc::new(Recipe::asking(ask)) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is sent.
    #[must_use]
    pub fn request(&self) -> Vec<u8> {
        self.request.clone()
    }

    /// The same with one more header field.
    #[must_use]
    pub fn request_with(&self, field: &str) -> Vec<u8> {
        let head = self.request.strip_suffix(b"\r\n").unwrap_or(&self.request);
        [head, field.as_bytes(), b"\r\n\r\n"].concat()
    }

    /// The same as of HTTP/1.0.
    #[must_use]
    pub fn request_of_1_0(&self) -> Vec<u8> {
        String::from_utf8_lossy(&self.request).replacen(" HTTP/1.1\r\n", " HTTP/1.0\r\n", 1).into()
    }

    /// The client's end of a connection, which judges replies.
    #[must_use]
    pub fn exchange(&self) -> Exchange {
        Exchange::new(Arc::clone(&self.recipe))
    }
}

impl PartialEq for Page {
    fn eq(&self, other: &Self) -> bool {
        self.request == other.request
    }
}

impl Eq for Page {}
