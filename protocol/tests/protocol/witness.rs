//! Who watches a session sees each request with its own reply, in order, when it was there.

use std::sync::{Arc, Mutex};

use protocol::{App, Framing, Service, Session, Step, Witness};

#[derive(Debug, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, text: String) {
        self.0.lock().expect("not poisoned").push(text);
    }
}

impl Witness for Diary {
    fn arrived(&mut self) {
        self.note("arrived".into());
    }

    fn answered(&mut self, request: &[u8], reply: &[u8]) {
        let text = |bytes| String::from_utf8_lossy(bytes).trim_end().to_string();
        self.note(format!("{} -> {}", text(request), text(reply)));
    }

    fn written(&mut self) {
        self.note("written".into());
    }
}

/// What a witness notes of this input, read in one piece, with replies that leave in several.
fn noted(app: App, framing: Framing, input: &[u8]) -> Vec<String> {
    let diary = Diary::default();
    let notes = Arc::clone(&diary.0);
    let mut session = Session::new(Service { app, framing, close_after: None });
    session.watch(Box::new(diary));
    let Step::Read(space) = session.step() else { panic!("it reads first") };
    space[..input.len()].copy_from_slice(input);
    session.received(input.len());
    loop {
        match session.step() {
            Step::Read(_) | Step::Close => break,
            Step::Write(bytes) => {
                let half = bytes.len().div_ceil(2);
                session.sent(half);
            }
            Step::Outside(_) => unreachable!("no request of these leads outside"),
            Step::Run(job) => session.finished(&job.compute()),
        }
    }
    let notes = notes.lock().expect("not poisoned");
    notes.clone()
}

#[test]
fn each_request_has_its_own_reply_also_behind_others_and_after_a_job() {
    let input = b"ECHO a\nECHO b\nMUL 99999999999999999999 1\nnonsense\n";
    assert_eq!(
        noted(App::Bench, Framing::Line, input),
        [
            "arrived",
            "ECHO a -> OK a",
            "ECHO b -> OK b",
            "written",
            "MUL 99999999999999999999 1 -> OK 99999999999999999999",
            // A session writes what it has before it runs a job, and collects again after it.
            "nonsense -> ERR unknown-verb the verbs are ECHO, MUL, WORK, ADD and QUIT",
            "written",
        ]
    );
}

#[test]
fn in_http_too_a_request_is_seen_with_its_reply() {
    let input = b"GET /mul/22/9 HTTP/1.1\r\nHost: a\r\n\r\nGET /mul/99999999999999999999/1 HTTP/1.1\r\nHost: a\r\n\r\n";
    let notes = noted(App::Bench, Framing::Http, input);
    assert_eq!(notes.len(), 5, "{notes:?}");
    assert!(notes[1].starts_with("GET /mul/22/9 ") && notes[1].ends_with("\r\n\r\n198"));
    assert!(notes[3].starts_with("GET /mul/9999") && notes[3].contains(" -> HTTP/1.1 200 OK"));
}

#[test]
fn raw_messages_are_seen_as_they_are() {
    let notes = noted(App::Multiply, Framing::Raw, b"22 9");
    assert_eq!(notes, ["arrived", "22 9 -> 198", "written"]);
}
