//! One connection: statements go out, answers come in.
//!
//! Every statement is unnamed and says the types of its parameters, so a pooler in transaction mode may
//! stand in between, and each search gets its own plan. Statements are collected, and sent together with
//! the next one whose answer is needed.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::sasl::{
    ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use postgres_protocol::message::backend::{ErrorFields, Message};
use postgres_protocol::message::frontend;

use crate::clock::Deadline;
use crate::config::{Host, Target};
use crate::store::error::{Error, Result};

use super::answer::{Answer, Columns, Value};
use super::stream::Stream;

/// Begins a transaction whose statements each see what was committed before them.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
/// No message of the server is longer: a row has a few columns.
const LONGEST: u32 = 256 << 20;
/// How much is read at once.
const CHUNK: usize = 16 << 10;

/// A connection to one server.
pub(super) struct Link {
    stream: Stream,
    input: BytesMut,
    output: BytesMut,
    /// Statements in `output`.
    collected: usize,
    /// Statements that were sent and whose answers were not read.
    owed: usize,
    /// Something failed between the two ends: what comes next cannot be told.
    broken: bool,
    /// Parameters that the server reports.
    reported: HashMap<String, String>,
    host: Host,
}

/// How a server's answers ended.
pub(super) struct Round {
    pub(super) answers: Vec<Answer>,
    /// The first warning: a commit that is not as safe as it says, for example.
    pub(super) warning: Option<String>,
}

impl Round {
    /// The answer to the last statement.
    pub(super) fn last(self) -> Answer {
        self.answers.into_iter().next_back().unwrap_or_default()
    }
}

/// The server refused a statement.
struct Refusal {
    code: String,
    text: String,
}

impl Refusal {
    fn read(mut fields: ErrorFields<'_>) -> io::Result<(Self, String)> {
        let (mut code, mut text, mut severity) = (String::new(), String::new(), String::new());
        while let Some(field) = fields.next()? {
            let value = || String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'C' => code = value(),
                b'M' => text = value(),
                b'V' => severity = value(),
                _ => {}
            }
        }
        Ok((Self { code, text }, severity))
    }

    /// Codes are those of appendix A of PostgreSQL's documentation.
    fn error(self) -> Error {
        match &*self.code {
            // serialization_failure, deadlock_detected
            "40001" | "40P01" => Error::RolledBack,
            // lock_not_available, query_canceled by a time limit
            "55P03" | "57014" | "25P03" => Error::Busy,
            // disk_full, out_of_memory
            "53100" | "53200" => Error::Full,
            // read_only_sql_transaction
            "25006" => Error::ReadOnly,
            // statement_completion_unknown
            "40003" => Error::OutcomeUnknown,
            _ => Error::Database(format!("{} ({})", self.text, self.code)),
        }
    }
}

impl Link {
    /// Connects to `host` and logs in.
    ///
    /// # Errors
    /// `Unreachable`; `Database` where the server refuses.
    pub(super) fn open(target: &Target, host: &Host, deadline: Deadline) -> Result<Self> {
        let stream = Stream::open(target, host, deadline).map_err(|error| match error.kind() {
            // A certificate that does not hold: trying again does not help.
            io::ErrorKind::InvalidData => Error::Database(format!("{host}: {error}")),
            kind => unreachable(host, kind, &error),
        })?;
        let mut link = Self {
            stream,
            input: BytesMut::with_capacity(CHUNK),
            output: BytesMut::new(),
            collected: 0,
            owed: 0,
            broken: false,
            reported: HashMap::new(),
            host: host.clone(),
        };
        let wait = Deadline::after(target.connect_timeout.min(deadline.left()));
        link.log_in(target, wait)?;
        Ok(link)
    }

    fn log_in(&mut self, target: &Target, deadline: Deadline) -> Result<()> {
        let parameters = [
            ("user", target.user.as_str()),
            ("database", target.database.as_str()),
            ("client_encoding", "UTF8"),
            ("application_name", "tenon"),
        ];
        let framed = frontend::startup_message(parameters, &mut self.output);
        framed.map_err(|error| Error::Database(error.to_string()))?;
        self.send(deadline)?;
        loop {
            match self.receive(deadline)? {
                Message::AuthenticationOk | Message::BackendKeyData(_) => {}
                Message::AuthenticationSasl(body) => {
                    let mut offered = Vec::new();
                    let mut names = body.mechanisms();
                    while let Some(name) = self.whole(names.next())? {
                        offered.push(name.to_owned());
                    }
                    self.scram(target, &offered, deadline)?;
                }
                Message::ParameterStatus(body) => {
                    let name = self.whole(body.name().map(str::to_owned))?;
                    let value = self.whole(body.value().map(str::to_owned))?;
                    self.reported.insert(name, value);
                }
                Message::ErrorResponse(body) => {
                    let (refusal, _) = self.whole(Refusal::read(body.fields()))?;
                    // The server starts, stops, or has no connection left: classes 57 and 53.
                    if refusal.code.starts_with("57") || refusal.code.starts_with("53") {
                        return Err(self.unreachable(&refusal.text));
                    }
                    return Err(Error::Database(format!("{}: {}", self.host, refusal.text)));
                }
                Message::NoticeResponse(_) => {}
                Message::ReadyForQuery(_) => return Ok(()),
                _ => {
                    return Err(Error::Database(format!(
                        "{}: the server asks for a login other than SCRAM-SHA-256",
                        self.host
                    )));
                }
            }
        }
    }

    /// RFC 7677, bound to the connection where it has TLS and the server can.
    fn scram(&mut self, target: &Target, offered: &[String], deadline: Deadline) -> Result<()> {
        let host = self.host.clone();
        let refused = |what: String| Error::Database(format!("{host}: {what}"));
        let password = target.password(&host).map_err(refused)?;
        let password = password.ok_or_else(|| refused("the server asks for a password".into()))?;
        let offers = |name: &str| offered.iter().any(|offer| offer == name);
        let (binding, mechanism) = match self.stream.server_end_point() {
            Some(hash) if offers(SCRAM_SHA_256_PLUS) => (
                ChannelBinding::tls_server_end_point(hash),
                SCRAM_SHA_256_PLUS,
            ),
            Some(_) => (ChannelBinding::unrequested(), SCRAM_SHA_256),
            None => (ChannelBinding::unsupported(), SCRAM_SHA_256),
        };
        if !offers(mechanism) {
            return Err(refused("the server does not offer SCRAM-SHA-256".into()));
        }
        let mut scram = ScramSha256::new(password.as_bytes(), binding);
        let framed = frontend::sasl_initial_response(mechanism, scram.message(), &mut self.output);
        self.whole(framed)?;
        self.send(deadline)?;
        loop {
            match self.receive(deadline)? {
                Message::AuthenticationSaslContinue(body) => {
                    self.whole(scram.update(body.data()))?;
                    let framed = frontend::sasl_response(scram.message(), &mut self.output);
                    self.whole(framed)?;
                    self.send(deadline)?;
                }
                Message::AuthenticationSaslFinal(body) => {
                    return scram
                        .finish(body.data())
                        .map_err(|_| refused("the server does not know the password".into()));
                }
                Message::ErrorResponse(body) => {
                    let (refusal, _) = self.whole(Refusal::read(body.fields()))?;
                    return Err(refused(refusal.text));
                }
                _ => return Err(refused("the server breaks the login off".into())),
            }
        }
    }

    /// A parameter that the server reported, for example `server_version`.
    pub(super) fn reported(&self, name: &str) -> Option<&str> {
        self.reported.get(name).map(String::as_str)
    }

    /// The host at the other end.
    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// The version of TLS, for example `TLSv1.3`; `None` without.
    pub(super) fn encryption(&self) -> Option<String> {
        self.stream.encryption()
    }

    /// False in a child of the process that opened it, and after a failure.
    pub(super) fn is_usable(&self) -> bool {
        !self.broken && self.stream.is_of_this_process()
    }

    /// Collects a statement. It is sent with the next `run`.
    pub(super) fn collect(&mut self, sql: &str, values: &[Value<'_>]) -> Result<()> {
        let types = values.iter().map(Value::oid);
        let framed = frontend::parse("", sql, types, &mut self.output);
        self.whole(framed)?;
        let bound = frontend::bind(
            "",
            "",
            [1],
            values,
            |value, out| value.write(out),
            [1],
            &mut self.output,
        );
        if bound.is_err() {
            return Err(Error::Database("a value is too long".into()));
        }
        let framed = frontend::execute("", 0, &mut self.output);
        self.whole(framed)?;
        self.collected += 1;
        Ok(())
    }

    /// Sends what was collected, and waits for the answers.
    ///
    /// # Errors
    /// The server's first refusal, `RolledBack`, `Busy`, `Full`, `ReadOnly` or `Database`: the connection can be
    /// used after it. `Unreachable` where it cannot.
    pub(super) fn run(&mut self, deadline: Deadline) -> Result<Round> {
        let expected = self.dispatch(deadline)?;
        self.answers(expected, deadline)
    }

    /// Sends what was collected, whose answers do not matter. They are read before those of the next `run`.
    pub(super) fn run_unanswered(&mut self, deadline: Deadline) -> Result<()> {
        self.owed = self.dispatch(deadline)?;
        Ok(())
    }

    fn dispatch(&mut self, deadline: Deadline) -> Result<usize> {
        frontend::sync(&mut self.output);
        self.send(deadline)?;
        match std::mem::take(&mut self.owed) {
            0 => {}
            owed => drop(self.answers(owed, deadline)?),
        }
        Ok(std::mem::take(&mut self.collected))
    }

    fn answers(&mut self, expected: usize, deadline: Deadline) -> Result<Round> {
        let mut answers = Vec::with_capacity(expected);
        let mut current = Answer::default();
        let (mut refused, mut warning) = (None, None);
        loop {
            match self.receive(deadline)? {
                Message::DataRow(body) => {
                    let storage = body.buffer_bytes().clone();
                    let columns = body
                        .ranges()
                        .map(|range| Ok(range.map(|r| storage.slice(r))));
                    let columns = self.whole(columns.collect())?;
                    current.rows.push(Columns(columns));
                }
                Message::CommandComplete(body) => {
                    current.tag = self.whole(body.tag().map(str::to_owned))?;
                    answers.push(std::mem::take(&mut current));
                }
                Message::EmptyQueryResponse => answers.push(std::mem::take(&mut current)),
                Message::ErrorResponse(body) => {
                    let (refusal, severity) = self.whole(Refusal::read(body.fields()))?;
                    self.broken |= matches!(&*severity, "FATAL" | "PANIC");
                    if self.broken {
                        return Err(self.unreachable(&refusal.text));
                    }
                    refused.get_or_insert(refusal);
                }
                Message::NoticeResponse(body) => {
                    let (notice, severity) = self.whole(Refusal::read(body.fields()))?;
                    if severity == "WARNING" {
                        warning.get_or_insert(notice.text);
                    }
                }
                Message::ParameterStatus(body) => {
                    let name = self.whole(body.name().map(str::to_owned))?;
                    let value = self.whole(body.value().map(str::to_owned))?;
                    self.reported.insert(name, value);
                }
                Message::ReadyForQuery(_) => {
                    if let Some(refusal) = refused {
                        return Err(refusal.error());
                    }
                    if answers.len() != expected {
                        self.broken = true;
                        return Err(self.unreachable("it answers what was not asked"));
                    }
                    return Ok(Round { answers, warning });
                }
                Message::ParseComplete | Message::BindComplete | Message::NoData => {}
                _ => {
                    self.broken = true;
                    return Err(self.unreachable("it answers what was not asked"));
                }
            }
        }
    }

    /// Collects the beginning of a transaction: `BEGIN`.
    pub(super) fn begin(&mut self) -> Result<()> {
        self.collect(BEGIN, &[])
    }

    /// Commits. Every answer before must have been read.
    ///
    /// # Errors
    /// `OutcomeUnknown` where the commit may not be as safe as it says: the wait for a standby was cancelled, for
    /// example; `RolledBack` where the server rolled back instead; those of `run`.
    pub(super) fn commit(&mut self, deadline: Deadline) -> Result<()> {
        self.collect("COMMIT", &[])?;
        let round = self.run(deadline)?;
        match (round.warning.is_some(), round.last().tag == "COMMIT") {
            (true, _) => Err(Error::OutcomeUnknown),
            (false, true) => Ok(()),
            (false, false) => Err(Error::RolledBack),
        }
    }

    /// Ends a transaction that is not committed. False where the connection cannot be used any more.
    pub(super) fn roll_back(&mut self, deadline: Deadline) -> bool {
        self.forget();
        self.is_usable() && self.collect("ROLLBACK", &[]).is_ok() && self.run(deadline).is_ok()
    }

    /// Forgets what was collected and not sent.
    pub(super) fn forget(&mut self) {
        self.output.clear();
        self.collected = 0;
    }

    fn send(&mut self, deadline: Deadline) -> Result<()> {
        let output = self.output.split();
        let sent = self
            .stream
            .set_timeout(deadline.left())
            .and_then(|()| self.stream.write_all(&output))
            .and_then(|()| self.stream.flush());
        self.whole(sent)
    }

    fn receive(&mut self, deadline: Deadline) -> Result<Message> {
        loop {
            if let Some(length) = self.input.get(1..5) {
                let length = <[u8; 4]>::try_from(length).map_or(0, u32::from_be_bytes);
                if length > LONGEST {
                    self.broken = true;
                    return Err(self.unreachable("its message is too long"));
                }
            }
            let parsed = Message::parse(&mut self.input);
            if let Some(message) = self.whole(parsed)? {
                return Ok(message);
            }
            let mut chunk = [0; CHUNK];
            let read = match deadline.left() {
                left if left.is_zero() => Err(io::ErrorKind::TimedOut.into()),
                left => self
                    .stream
                    .set_timeout(left)
                    .and_then(|()| self.stream.read(&mut chunk)),
            };
            match self.whole(read)? {
                0 => {
                    self.broken = true;
                    return Err(self.unreachable("the connection was closed"));
                }
                read => self.input.extend_from_slice(&chunk[..read]),
            }
        }
    }

    /// Passes on what worked. After a failure of the socket, or of the protocol, the connection is of no use.
    fn whole<T>(&mut self, result: io::Result<T>) -> Result<T> {
        result.map_err(|error| {
            self.broken = true;
            unreachable(&self.host, error.kind(), &error)
        })
    }

    fn unreachable(&self, what: &str) -> Error {
        Error::Unreachable(format!("{}: {what}", self.host))
    }
}

fn unreachable(host: &Host, kind: io::ErrorKind, error: &io::Error) -> Error {
    Error::Unreachable(match kind {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => format!("{host}: no answer in time"),
        _ => format!("{host}: {error}"),
    })
}

impl Drop for Link {
    /// Nothing is sent, since this may be the end of the process: the server notices the end of the socket. A
    /// forked child has closed its copy already, and leaves the parent's connection alone.
    fn drop(&mut self) {
        if self.stream.is_of_this_process() {
            self.stream.shut();
        }
    }
}
