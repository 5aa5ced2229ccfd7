//! Reads sources into facts. Works on tokens, so that comments and strings say nothing, and the
//! inside of macros does; follows `mod` declarations, so that it knows what is test code.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::rules::Sources;

/// A fact, and where it stands.
pub(super) struct Seen {
    /// File below `src/`, or the whole path of a file of the program.
    pub(super) path: String,
    pub(super) line: usize,
    /// First module of the path: `abi`, `module` …; empty in `lib.rs`.
    pub(super) room: String,
    /// Only compiled for tests.
    pub(super) test: bool,
    pub(super) fact: Fact,
}

/// Something that a rule may be about.
pub(super) enum Fact {
    /// A path into another room of the crate.
    Uses(String),
    Unsafe,
    OnceCell,
    Clock(&'static str),
    Prints(String),
    Process(String),
}

/// The facts of the crate whose root is the file `entry`; adds the files it reads to `reached`.
pub(super) fn read(sources: &Sources, entry: &str, reached: &mut BTreeSet<String>) -> Vec<Seen> {
    let mut reader = Reader {
        sources,
        reached,
        seen: Vec::new(),
    };
    reader.file(&Place::root(entry));
    reader.seen
}

/// Where the reader is.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) path: String,
    /// Folder in which this module's own modules lie.
    folder: String,
    module: Vec<String>,
    test: bool,
}

struct Reader<'a> {
    sources: &'a Sources,
    reached: &'a mut BTreeSet<String>,
    seen: Vec<Seen>,
}

/// What the attributes before an item say of it.
#[derive(Default, Clone)]
pub(super) struct Attributes {
    /// It is compiled for tests alone.
    pub(super) test: bool,
    path: Option<String>,
}

impl Reader<'_> {
    fn file(&mut self, place: &Place) {
        let Some(text) = self.sources.get(&place.path) else {
            return;
        };
        self.reached.insert(place.path.clone());
        let tokens: TokenStream = text
            .parse()
            .unwrap_or_else(|e| panic!("{} is no Rust: {e}", place.path));
        self.tokens(tokens, place);
    }

    fn tokens(&mut self, tokens: TokenStream, place: &Place) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut attributes = Attributes::default();
        let mut at = 0;
        while at < tokens.len() {
            let rest = &tokens[at..];
            let here = Place {
                test: place.test || attributes.test,
                ..place.clone()
            };
            at += 1;
            match &rest[0] {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    if let Some(TokenTree::Group(group)) = rest.get(1) {
                        attributes.read(group);
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => {
                    attributes = Attributes::default();
                }
                TokenTree::Group(group) => {
                    self.tokens(group.stream(), &here);
                    if group.delimiter() == Delimiter::Brace {
                        attributes = Attributes::default();
                    }
                }
                TokenTree::Ident(word) if word == "mod" => match (rest.get(1), rest.get(2)) {
                    (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) => {
                        self.tokens(body.stream(), &here.inline(&name.to_string()));
                        attributes = Attributes::default();
                        at += 2;
                    }
                    (Some(TokenTree::Ident(name)), Some(TokenTree::Punct(_))) => {
                        let child = child(self.sources, &here, &name.to_string(), &attributes);
                        self.file(&child);
                    }
                    _ => {}
                },
                TokenTree::Ident(_) => {
                    let inside = at > 1 && is_colon(&tokens[at - 2]);
                    self.words(rest, inside, &here);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// Facts of the path that begins at `rest`; `inside` when it is the rest of a path.
    fn words(&mut self, rest: &[TokenTree], inside: bool, place: &Place) {
        let line = rest[0].span().start().line;
        let words = leading_path(rest);
        let first = words[0].as_str();
        let second = words.get(1).map(String::as_str);
        let bang = matches!(rest.get(1), Some(TokenTree::Punct(p)) if p.as_char() == '!');
        let mut see = |fact| {
            self.seen.push(Seen {
                path: place.path.clone(),
                line,
                room: place.module.first().cloned().unwrap_or_default(),
                test: place.test,
                fact,
            });
        };
        match (first, second) {
            ("unsafe", _) => see(Fact::Unsafe),
            ("once_cell", _) => see(Fact::OnceCell),
            ("SystemTime", Some("now")) => see(Fact::Clock("SystemTime::now")),
            ("Instant", Some("now")) => see(Fact::Clock("Instant::now")),
            ("clock_gettime" | "gettimeofday", _) => see(Fact::Clock("a system call for the time")),
            ("print" | "println" | "eprint" | "eprintln" | "dbg", _) if bang => {
                see(Fact::Prints(format!("{first}!")));
            }
            ("thread", Some("spawn" | "scope" | "Builder")) => {
                see(Fact::Process(words[..2].join("::")));
            }
            ("atexit" | "on_exit" | "pthread_atfork" | "pthread_create" | "sigaction", _) => {
                see(Fact::Process(first.into()));
            }
            ("libc", Some("signal")) => see(Fact::Process("libc::signal".into())),
            ("crate" | "super", _) if !inside => {
                for room in rooms(rest, &words, place) {
                    see(Fact::Uses(room));
                }
            }
            _ => {}
        }
    }
}

/// The module `name` that `place` declares.
pub(super) fn child(
    sources: &Sources,
    place: &Place,
    name: &str,
    attributes: &Attributes,
) -> Place {
    let folder = join(&place.folder, name);
    let path = match &attributes.path {
        // Relative to the folder of the file that says it.
        Some(path) => join(
            place.path.rsplit_once('/').map_or("", |(folder, _)| folder),
            path,
        ),
        None => {
            let file = format!("{folder}.rs");
            let nested = format!("{folder}/mod.rs");
            if sources.contains_key(&file) {
                file
            } else {
                nested
            }
        }
    };
    Place {
        path,
        ..place.inline(name)
    }
}

impl Place {
    /// The root of the crate, the file `entry`.
    pub(super) fn root(entry: &str) -> Self {
        let folder = entry.rsplit_once('/').map_or("", |(folder, _)| folder);
        Self {
            path: entry.into(),
            folder: folder.into(),
            module: Vec::new(),
            test: false,
        }
    }

    /// A module that this one has within its file.
    pub(super) fn inline(&self, name: &str) -> Self {
        let mut module = self.module.clone();
        module.push(name.into());
        Self {
            folder: join(&self.folder, name),
            module,
            ..self.clone()
        }
    }
}

impl Attributes {
    /// The item is over; the next one has attributes of its own.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    pub(super) fn read(&mut self, group: &Group) {
        let text = group.stream().to_string().replace(' ', "");
        self.test |= text == "cfg(test)" || text == "test" || text.starts_with("cfg(all(test");
        if let Some(path) = text.strip_prefix("path=") {
            self.path = Some(path.trim_matches('"').into());
        }
    }
}

/// The crate's rooms that a path beginning with `crate` or `super` leads to.
fn rooms(rest: &[TokenTree], words: &[String], place: &Place) -> Vec<String> {
    let up = words.iter().take_while(|word| *word == "super").count();
    // A `super` that stays within the room is no arrow.
    if words[0] == "super" && up < place.module.len() {
        return Vec::new();
    }
    let root = up.max(1);
    if let Some(room) = words.get(root) {
        return vec![room.clone()];
    }
    // `crate::{a, b::c}`: three tokens for each word before the braces.
    match rest.get(root * 3) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
            tokens
                .split(|token| matches!(token, TokenTree::Punct(p) if p.as_char() == ','))
                .filter_map(|part| part.first())
                .map(ToString::to_string)
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The words of `a::b::c` at the start of `tokens`.
pub(super) fn leading_path(tokens: &[TokenTree]) -> Vec<String> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(TokenTree::Ident(word)) = tokens.get(at) {
        words.push(word.to_string());
        let colons =
            tokens.get(at + 1).is_some_and(is_colon) && tokens.get(at + 2).is_some_and(is_colon);
        if !colons {
            break;
        }
        at += 3;
    }
    words
}

pub(super) fn is_colon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':')
}

fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.into(),
        folder => format!("{folder}/{name}"),
    }
}
