//! Reads sources into modules with their names, and finds the file in which what a path names lies.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::read::{Attributes, Place, child, is_colon, leading_path};
use super::rules::Sources;

/// A module that is compiled without tests.
#[derive(Default)]
struct Module {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// Names that `use` brings in, and the paths that they stand for.
    imports: BTreeMap<String, Vec<String>>,
    /// Paths of `use …::*`.
    globs: Vec<Vec<String>>,
    items: BTreeSet<String>,
    /// Paths that its code mentions, and their lines; re-exports of its own children are left out.
    mentions: Vec<(Vec<String>, usize)>,
    impls: Vec<Impl>,
}

/// An `impl` block of a type.
struct Impl {
    /// The type, as the block names it.
    of: Vec<String>,
    /// The block is no trait's.
    inherent: bool,
    methods: BTreeSet<String>,
    /// Methods that it calls as `self.name()` or `Self::name()`, and the lines.
    calls: Vec<(String, usize)>,
}

/// The use of something that lies in another file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrow {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) line: usize,
}

/// What a path leads to.
enum Found {
    Module(usize),
    /// An item of this module, with the words that follow it.
    Item(usize, Vec<String>),
}

/// A type: the module that defines it, and its name there.
type Type = (usize, String);

/// The modules of the crate whose root is the file `entry`.
pub(super) struct Names<'a> {
    sources: &'a Sources,
    modules: Vec<Module>,
    /// File of each inherent method of each type.
    methods: BTreeMap<Type, BTreeMap<String, String>>,
}

impl<'a> Names<'a> {
    pub(super) fn read(sources: &'a Sources, entry: &str) -> Self {
        let mut names = Self {
            sources,
            modules: Vec::new(),
            methods: BTreeMap::new(),
        };
        let root = names.module(entry, None);
        names.file(root, &Place::root(entry));
        names.index_methods();
        names
    }

    /// Every use of another file, without those of test code.
    pub(super) fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for (at, module) in self.modules.iter().enumerate() {
            let mut see = |to: &str, line| {
                if to != module.file {
                    arrows.insert(Arrow {
                        from: module.file.clone(),
                        to: to.into(),
                        line,
                    });
                }
            };
            for (path, line) in &module.mentions {
                if let Some(file) = self.file_of(at, path) {
                    see(file, *line);
                }
            }
            for block in &module.impls {
                let Some(of) = self.type_of(at, &block.of) else {
                    continue;
                };
                for (method, line) in &block.calls {
                    if let Some(file) = self.methods.get(&of).and_then(|all| all.get(method)) {
                        see(file, *line);
                    }
                }
            }
        }
        arrows
    }

    fn module(&mut self, file: &str, parent: Option<usize>) -> usize {
        self.modules.push(Module {
            file: file.into(),
            parent,
            ..Module::default()
        });
        self.modules.len() - 1
    }

    fn file(&mut self, module: usize, place: &Place) {
        let Some(text) = self.sources.get(&place.path) else {
            return;
        };
        let tokens: TokenStream = text
            .parse()
            .unwrap_or_else(|e| panic!("{} is no Rust: {e}", place.path));
        self.tokens(tokens, module, place, None);
    }

    /// Reads code; `block` is the number of the `impl` block around it.
    fn tokens(&mut self, tokens: TokenStream, module: usize, place: &Place, block: Option<usize>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut attributes = Attributes::default();
        let mut at = 0;
        while at < tokens.len() {
            let rest = &tokens[at..];
            let before = &tokens[..at];
            at += 1;
            match &rest[0] {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    if let Some(TokenTree::Group(group)) = rest.get(1) {
                        attributes.read(group);
                        at += 1;
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => attributes.end(),
                TokenTree::Group(group) => {
                    if !attributes.test {
                        self.tokens(group.stream(), module, place, block);
                    }
                    if group.delimiter() == Delimiter::Brace {
                        attributes.end();
                    }
                }
                TokenTree::Ident(word) if word == "mod" => {
                    at += self.declaration(rest, module, place, &mut attributes);
                }
                TokenTree::Ident(word) if word == "use" && !is_bound(rest) => {
                    let end = rest.iter().position(is_semicolon).unwrap_or(rest.len());
                    if !attributes.test {
                        self.import(&rest[1..end], module, is_visible(before));
                    }
                    attributes.end();
                    at += end;
                }
                TokenTree::Ident(word) if word == "impl" && at_item(before) => {
                    let end = rest.iter().position(is_body).unwrap_or(rest.len() - 1);
                    if let (false, TokenTree::Group(body)) = (attributes.test, &rest[end]) {
                        self.implementation(&rest[1..end], body, module, place);
                    }
                    attributes.end();
                    at += end;
                }
                TokenTree::Ident(_) if !attributes.test => {
                    self.word(rest, before, module, block);
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// A `mod`: how many tokens behind the word it takes.
    fn declaration(
        &mut self,
        rest: &[TokenTree],
        module: usize,
        place: &Place,
        attributes: &mut Attributes,
    ) -> usize {
        let Some(TokenTree::Ident(name)) = rest.get(1) else {
            return 0;
        };
        let name = name.to_string();
        let (inside, body) = match rest.get(2) {
            Some(TokenTree::Group(body)) => (place.inline(&name), Some(body)),
            _ => (child(self.sources, place, &name, attributes), None),
        };
        if !attributes.test {
            let id = self.module(&inside.path, Some(module));
            self.modules[module].children.insert(name, id);
            match body {
                Some(body) => self.tokens(body.stream(), id, &inside, None),
                None => self.file(id, &inside),
            }
        }
        attributes.end();
        2
    }

    fn import(&mut self, tree: &[TokenTree], module: usize, visible: bool) {
        let line = tree.first().map_or(0, |token| token.span().start().line);
        let own = match tree.first() {
            Some(TokenTree::Ident(first)) => {
                let first = first.to_string();
                first == "self" || self.declares(module, &first)
            }
            _ => false,
        };
        let mut leaves = Vec::new();
        read_tree(tree, &[], &mut leaves);
        let module = &mut self.modules[module];
        for (path, name) in leaves {
            if !(visible && own) {
                let mut mention = path.clone();
                // What a glob brings in is not told apart: it stands for the module's own items.
                mention.extend(name.is_none().then(|| "*".to_owned()));
                module.mentions.push((mention, line));
            }
            match name {
                Some(name) => drop(module.imports.insert(name, path)),
                None => module.globs.push(path),
            }
        }
    }

    /// Whether the module has, now or later in its file, a child of this name.
    fn declares(&self, module: usize, name: &str) -> bool {
        let file = &self.modules[module].file;
        let text = self.sources.get(file).map_or("", String::as_str);
        text.contains(&format!("mod {name};")) || text.contains(&format!("mod {name} {{"))
    }

    fn implementation(&mut self, head: &[TokenTree], body: &Group, module: usize, place: &Place) {
        let (of, inherent) = read_head(head);
        let block = self.modules[module].impls.len();
        self.modules[module].impls.push(Impl {
            of,
            inherent,
            methods: functions(body),
            calls: Vec::new(),
        });
        let head: TokenStream = head.iter().cloned().collect();
        self.tokens(head, module, place, None);
        self.tokens(body.stream(), module, place, Some(block));
    }

    fn word(
        &mut self,
        rest: &[TokenTree],
        before: &[TokenTree],
        module: usize,
        block: Option<usize>,
    ) {
        if before.last().is_some_and(is_colon_or_dot) {
            return;
        }
        let line = rest[0].span().start().line;
        let words = leading_path(rest);
        let module = &mut self.modules[module];
        let called = match (words.as_slice(), rest.get(1), rest.get(2), rest.get(3)) {
            ([word], Some(dot), Some(TokenTree::Ident(name)), Some(TokenTree::Group(_)))
                if word == "self" && is_colon_or_dot(dot) =>
            {
                Some(name.to_string())
            }
            ([first, name], ..) if first == "Self" => Some(name.clone()),
            _ => None,
        };
        if let (Some(name), Some(block)) = (called, block) {
            module.impls[block].calls.push((name, line));
        }
        if words.len() > 1 {
            module.mentions.push((words, line));
        } else if is_item(&words[0])
            && let Some(TokenTree::Ident(name)) = rest.get(1)
        {
            module.items.insert(name.to_string());
        }
    }

    fn index_methods(&mut self) {
        let mut methods: BTreeMap<Type, BTreeMap<String, String>> = BTreeMap::new();
        for (at, module) in self.modules.iter().enumerate() {
            for block in module.impls.iter().filter(|block| block.inherent) {
                let Some(of) = self.type_of(at, &block.of) else {
                    continue;
                };
                let known = methods.entry(of).or_default();
                for method in &block.methods {
                    known.insert(method.clone(), module.file.clone());
                }
            }
        }
        self.methods = methods;
    }

    /// The file of what `path` names in the module `at`; `None` for other crates, for local names and
    /// for a module itself, of which the paths through it tell what is used.
    fn file_of(&self, at: usize, path: &[String]) -> Option<&str> {
        let Found::Item(module, rest) = self.find(at, path, 0)? else {
            return None;
        };
        if let [name, method, ..] = rest.as_slice()
            && let Some(methods) = self.methods.get(&(module, name.clone()))
            && let Some(file) = methods.get(method)
        {
            return Some(file);
        }
        Some(&self.modules[module].file)
    }

    fn type_of(&self, at: usize, path: &[String]) -> Option<Type> {
        match self.find(at, path, 0)? {
            Found::Item(module, rest) => Some((module, rest.first()?.clone())),
            Found::Module(_) => None,
        }
    }

    fn find(&self, at: usize, path: &[String], depth: usize) -> Option<Found> {
        let (first, rest) = path.split_first()?;
        let start = match first.as_str() {
            "crate" => 0,
            "self" => at,
            "super" => self.modules[at].parent?,
            _ => return self.find_in(at, path, depth),
        };
        self.go(start, rest, depth)
    }

    /// Follows `path` from a module that a path has reached.
    fn go(&self, at: usize, path: &[String], depth: usize) -> Option<Found> {
        match path.first().map(String::as_str) {
            None => Some(Found::Module(at)),
            Some("super") => self.go(self.modules[at].parent?, &path[1..], depth),
            Some("self") => self.go(at, &path[1..], depth),
            // What a macro makes, too, lies where the path leads.
            Some(_) => self
                .find_in(at, path, depth)
                .or_else(|| Some(Found::Item(at, path.to_vec()))),
        }
    }

    fn find_in(&self, at: usize, path: &[String], depth: usize) -> Option<Found> {
        let module = &self.modules[at];
        let (name, rest) = path.split_first()?;
        if let Some(child) = module.children.get(name) {
            return self.go(*child, rest, depth);
        }
        if module.items.contains(name) {
            return Some(Found::Item(at, path.to_vec()));
        }
        if depth > 16 {
            return None;
        }
        if let Some(meant) = module.imports.get(name).filter(|meant| meant[0] != *name) {
            let meant = [meant.as_slice(), rest].concat();
            return self.find(at, &meant, depth + 1);
        }
        let through = |glob: &Vec<String>| match self.find(at, glob, depth + 1)? {
            Found::Module(of) if of != at => self.find_in(of, path, depth + 1),
            Found::Module(_) | Found::Item(..) => None,
        };
        module.globs.iter().find_map(through)
    }
}

/// The paths of a `use` tree, each with the name that it brings in; `None` for a glob.
fn read_tree(
    tree: &[TokenTree],
    prefix: &[String],
    leaves: &mut Vec<(Vec<String>, Option<String>)>,
) {
    let words = leading_path(tree);
    let path = [prefix, words.as_slice()].concat();
    // Three tokens for each word before the braces or the star.
    match tree.get(words.len() * 3) {
        Some(TokenTree::Group(group)) => {
            let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
            for part in tokens.split(is_comma).filter(|part| !part.is_empty()) {
                read_tree(part, &path, leaves);
            }
        }
        Some(TokenTree::Punct(star)) if star.as_char() == '*' => leaves.push((path, None)),
        _ => {
            let mut path = path;
            if path.last().is_some_and(|last| last == "self") {
                path.pop();
            }
            let renamed = match tree {
                [.., TokenTree::Ident(word), TokenTree::Ident(name)] if word == "as" => {
                    Some(name.to_string())
                }
                _ => path.last().cloned(),
            };
            if let Some(name) = renamed {
                leaves.push((path, Some(name)));
            }
        }
    }
}

/// The type of an `impl`, and whether the block is no trait's.
fn read_head(head: &[TokenTree]) -> (Vec<String>, bool) {
    let of_trait = head
        .iter()
        .position(|token| matches!(token, TokenTree::Ident(word) if word == "for"));
    let from = match of_trait {
        Some(at) => at + 1,
        None => after_generics(head),
    };
    let skipped = |token: &&TokenTree| !matches!(token, TokenTree::Ident(_));
    let from = from + head[from..].iter().take_while(skipped).count();
    let of = head.get(from..).filter(|rest| !rest.is_empty());
    (of.map(leading_path).unwrap_or_default(), of_trait.is_none())
}

/// Where the tokens after `<…>` at the beginning begin.
fn after_generics(head: &[TokenTree]) -> usize {
    let mut open = 0_i32;
    for (at, token) in head.iter().enumerate() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '<' => open += 1,
            TokenTree::Punct(punct) if punct.as_char() == '>' => open -= 1,
            _ => {}
        }
        if open == 0 {
            let generic = matches!(token, TokenTree::Punct(_));
            return if generic { at + 1 } else { at };
        }
    }
    0
}

/// Names of the functions that an `impl` block has.
fn functions(body: &Group) -> BTreeSet<String> {
    let tokens: Vec<TokenTree> = body.stream().into_iter().collect();
    let named = |pair: &[TokenTree]| match pair {
        [TokenTree::Ident(word), TokenTree::Ident(name)] if word == "fn" => Some(name.to_string()),
        _ => None,
    };
    tokens.windows(2).filter_map(named).collect()
}

fn is_item(word: &str) -> bool {
    matches!(
        word,
        "fn" | "struct" | "enum" | "union" | "trait" | "const" | "static" | "type"
    )
}

fn is_semicolon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';')
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

fn is_colon_or_dot(token: &TokenTree) -> bool {
    is_colon(token) || matches!(token, TokenTree::Punct(punct) if punct.as_char() == '.')
}

fn is_body(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// `use<…>` of a bound, which imports nothing.
fn is_bound(rest: &[TokenTree]) -> bool {
    matches!(rest.get(1), Some(TokenTree::Punct(punct)) if punct.as_char() == '<')
}

/// Whether a `use` after these tokens is `pub`, wherever to.
fn is_visible(before: &[TokenTree]) -> bool {
    let is_pub = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "pub");
    match before {
        [.., word, TokenTree::Group(_)] => is_pub(word),
        [.., word] => is_pub(word),
        [] => false,
    }
}

/// Whether an `impl` after these tokens begins a block, and is no type.
fn at_item(before: &[TokenTree]) -> bool {
    match before.last() {
        None => true,
        Some(TokenTree::Group(_)) => true,
        Some(TokenTree::Ident(word)) => word == "unsafe",
        Some(token) => is_semicolon(token),
    }
}
