//! Requests and replies: the server must find message boundaries in a stream of bytes.

use std::io::{Read, Write};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use protocol::{App, Framing};

use crate::command::check::runner::Skip;
use crate::command::check::{Behaviour, Case, Needs, Speaks, Speech};
use crate::workload::speech::{nines, show};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "every_request_gets_its_reply",
        why: "the minimum: serve one client after the other",
        points: 3,
        run: every_request,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "answers_every_verb",
        why: "the application's specification",
        points: 1,
        speaks: Speaks::Bench,
        run: every_verb,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_request_split_at_every_byte_is_one_request",
        why: "TCP may deliver a request in pieces: one recv is not one message",
        points: 3,
        speaks: Speaks::Lines,
        run: split_at_every_byte,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_pipelined_burst_is_answered_in_order",
        why: "TCP may deliver many requests at once: one recv is not one message",
        points: 3,
        speaks: Speaks::Lines,
        hostile: true,
        run: pipelined_burst,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_long_request_is_one_request",
        why: "a request may be longer than one recv, and its reply longer than one send",
        points: 2,
        speaks: Speaks::Lines,
        hostile: true,
        run: long_request,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "long_numbers_are_multiplied",
        why: "products may be longer than any integer type",
        points: 1,
        speaks: Speaks::Bench,
        run: long_numbers,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_carriage_return_before_the_line_feed_is_no_data",
        why: "telnet ends lines with CR and LF",
        points: 1,
        speaks: Speaks::Lines,
        run: carriage_return,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "half_close_is_answered",
        why: "a client that has sent everything still waits for its replies",
        points: 2,
        run: half_close,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "the_end_of_input_ends_the_last_line",
        why: "a file may end without a line feed",
        points: 1,
        speaks: Speaks::Lines,
        run: end_of_input,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "garbage_gets_an_error_and_the_connection_goes_on",
        why: "a client's mistake causes an error reply and affects no other client",
        points: 2,
        speaks: Speaks::Lines,
        hostile: true,
        run: garbage,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "an_oversize_line_gets_an_error_and_a_close",
        why: "an endless line must not exhaust memory, and the client should be told why",
        points: 2,
        speaks: Speaks::Lines,
        hostile: true,
        run: oversize,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "quit_is_answered_although_more_was_sent",
        why: "closing with unread input resets, and a reset destroys the reply on its way",
        points: 1,
        speaks: Speaks::Bench,
        hostile: true,
        run: quit_with_more_sent,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "raw_messages_are_served_and_closed_after_so_many",
        why: "classroom clients do not delimit their messages",
        points: 1,
        needs: Needs::Model,
        speaks: Speaks::Own(Speech::for_app(App::Multiply, Framing::Raw)),
        flags: &["--close-after", "2"],
        run: raw_close_after,
        ..Behaviour::PLAIN
    },
];

fn every_request(case: &mut Case<'_>) -> Result<()> {
    for n in 0..3 {
        let mut client = case.client()?;
        client.exchange(&case.speech.question(n))?;
        client.exchange(&case.speech.question(n + 10))?;
    }
    Ok(())
}

fn every_verb(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.client()?;
    for (request, reply) in [
        ("ECHO a b  c", "OK a b  c"),
        ("MUL 22 9", "OK 198"),
        ("WORK 1 0 0 tag", "OK 7f1c9f0207486b77 tag"),
    ] {
        client.send(format!("{request}\n"))?;
        client.expect_line(reply).with_context(|| format!("asked {request}"))?;
    }
    let reply = client.ask("WORK 0 2000 200 t")?;
    ensure!(reply.len() == 199, "asked for 200 bytes, got {}", show(reply.as_bytes()));
    client.send("QUIT\n")?;
    client.expect_line("OK bye")?;
    client.closed()
}

fn split_at_every_byte(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.client()?;
    for n in [1, 2] {
        let question = case.speech.question(n);
        for (at, byte) in question.request.iter().enumerate() {
            client.send([*byte])?;
            // The first bytes must arrive one by one; bytes that are sent quickly arrive together.
            if at < 2 {
                case.rests()?;
            }
        }
        client.expect(&question)?;
    }
    Ok(())
}

fn pipelined_burst(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.client()?;
    if case.speech.app != App::Bench {
        let questions: Vec<_> = (0..500).map(|n| case.speech.question(n)).collect();
        client.send(questions.iter().flat_map(|q| q.request.clone()).collect::<Vec<u8>>())?;
        return questions.iter().try_for_each(|question| client.expect(question));
    }
    // Some requests are jobs, with and without a wait: replies keep the order however jobs are run.
    let request = |i: usize| match i % 10 {
        3 => format!("WORK 10 0 0 t{i}\n"),
        7 => format!("WORK 0 500 0 t{i}\n"),
        _ => format!("ECHO {i}\n"),
    };
    client.send((0..500).map(request).collect::<String>())?;
    for i in 0..500 {
        let reply = client.reply(request(i).trim_end())?;
        let tail = if matches!(i % 10, 3 | 7) { format!(" t{i}") } else { format!(" {i}") };
        let right = reply.starts_with("OK") && reply.ends_with(&tail);
        ensure!(right, "request {i} was {}, got the reply {reply}", request(i).trim_end());
    }
    Ok(())
}

fn long_request(case: &mut Case<'_>) -> Result<()> {
    let bytes = if case.speech.app == App::Multiply { 4_000 } else { 60_000 };
    let mut client = case.client()?;
    client.exchange(&case.speech.long(bytes))?;
    client.exchange(&case.speech.question(1))
}

fn long_numbers(case: &mut Case<'_>) -> Result<()> {
    let (factors, product) = nines(2000);
    let mut client = case.client()?;
    client.send(format!("MUL {factors}\n"))?;
    client.expect_line(&format!("OK {product}"))
}

fn carriage_return(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.client()?;
    let mut question = case.speech.question(1);
    question.request.pop();
    question.request.extend_from_slice(b"\r\n");
    client.exchange(&question)
}

fn half_close(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.client()?;
    let bench = case.speech == Speech::BENCH;
    let question = case.speech.question(1);
    client.send(&question.request)?;
    if bench {
        client.send("WORK 0 20000 0 second\n")?;
    }
    client.half_close()?;
    client.expect(&question)?;
    if bench {
        let reply = client.reply("a slow request")?;
        ensure!(reply.ends_with(" second"), "expected the result of WORK, got {reply}");
    }
    client.ends_in_order()?;
    if bench {
        // The last request and the end of input arrive while the server is busy, so it sees both at
        // once.
        let mut client = case.client()?;
        client.send("WORK 0 30000 0 first\n")?;
        case.pause();
        client.send(&question.request)?;
        client.half_close()?;
        client.reply("a slow request")?;
        client.expect(&question)?;
        client.ends_in_order()?;
    }
    Ok(())
}

fn end_of_input(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.client()?;
    let (first, mut second) = (case.speech.question(1), case.speech.question(2));
    second.request.pop();
    client.send(&first.request)?;
    client.send(&second.request)?;
    client.half_close()?;
    client.expect(&first)?;
    // The server still ends its own line with a line feed.
    client.expect(&second)?;
    client.ends_in_order()
}

fn garbage(case: &mut Case<'_>) -> Result<()> {
    if case.speech.nonsense().is_empty() {
        return Err(Skip("every line is a valid request of this application").into());
    }
    let mut client = case.client()?;
    for (request, begin) in case.speech.nonsense() {
        client.send([request, &b"\n"[..]].concat())?;
        let reply = client.reply(&show(request))?;
        let right = reply.starts_with(begin);
        ensure!(
            right,
            "sent {}, expected a reply that begins with {begin:?}, got {reply:?}",
            show(request)
        );
    }
    client.exchange(&case.speech.question(1))
}

fn oversize(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.client()?;
    let mut sender = client.stream.try_clone()?;
    // More than a line may hold, and more than the server will read. Still the reply must arrive
    // and not be destroyed by a reset.
    let sending = thread::spawn(move || {
        let _ = sender.write_all(&vec![b'1'; 300_000]);
    });
    let reply = client.reply("300000 bytes without a line feed")?;
    let right = reply.starts_with("ERR too-long ");
    ensure!(
        right,
        "expected ERR too-long for 300000 bytes without a line feed, got {}",
        show(reply.as_bytes())
    );
    client.ends_in_order()?;
    sending.join().map_err(|_| anyhow!("the sender has panicked"))?;
    drop(client);
    case.serves()
}

fn quit_with_more_sent(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.client()?;
    client.send(format!("QUIT\n{}", "ECHO nobody reads this\n".repeat(2000)))?;
    client.expect_line("OK bye")?;
    client.ends_in_order()
}

fn raw_close_after(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.client()?;
    client.exchange(&case.speech.question(9))?;
    client.send("-12 12")?;
    let mut rest = Vec::new();
    client
        .stream
        .read_to_end(&mut rest)
        .context("expected a reply and the end of the connection")?;
    ensure!(rest == b"-144", "expected -144 and the end of the connection, got {}", show(&rest));
    Ok(())
}
