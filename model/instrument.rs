//! Rewrites the sources of `policy` and `attr` so that each of their rules can be switched off: the mutants of the
//! model. Used by the build script with the feature `model` alone; the shipped library is compiled from the sources
//! as they are.
//!
//! A rule is: an operand of the condition of an `if` that refuses or returns; a match arm that refuses; a check whose
//! failure `?` returns; an operand of a Boolean function. Without the rule the condition does not hold, the arm
//! permits, the check is not made.

use std::path::Path;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{Arm, BinOp, Block, Expr, ImplItemFn, Item, ItemFn, ReturnType, Stmt, parse_quote};

/// The rooms with rules, by their folder in `src/`, and the files that hold them.
const ROOMS: [(&str, &[&str]); 2] = [
    (
        "policy",
        &[
            "blob", "decide", "derive", "facts", "pieces", "roles", "token",
        ],
    ),
    (
        "attr",
        &[
            "build",
            "change",
            "consistent",
            "facts",
            "inherit",
            "reveal",
        ],
    ),
];

/// Longest text of a rule in the list.
const TEXT: usize = 100;

/// Writes `rules.rs` to `out`: both rooms, and the list of their switches.
pub(crate) fn write(src: &Path, out: &Path) {
    let mut rules = Vec::new();
    let mut rooms = TokenStream::new();
    for (room, files) in ROOMS {
        let folder = src.join(room);
        let mut file = read(&folder.join("mod.rs"));
        inline(&mut file.items, &folder, files, &mut rules);
        let (name, attributes, items) = (quote::format_ident!("{room}"), file.attrs, file.items);
        let attributes = attributes.into_iter().map(|attribute| {
            let meta = attribute.meta;
            quote!(#[#meta])
        });
        rooms.extend(quote! {
            #[allow(warnings, clippy::all, clippy::pedantic)]
            #(#attributes)*
            mod #name { #(#items)* }
        });
    }
    let rows = rules.iter().map(|(place, text)| quote!((#place, #text)));
    rooms.extend(quote! {
        pub(crate) static RULES: &[(&str, &str)] = &[#(#rows),*];
    });
    std::fs::write(out.join("rules.rs"), rooms.to_string()).expect("OUT_DIR can be written");
}

fn read(path: &Path) -> syn::File {
    println!("cargo:rerun-if-changed={}", path.display());
    let text = std::fs::read_to_string(path).expect("the source is there");
    syn::parse_file(&text).expect("the source is Rust")
}

/// Puts the files of `mod name;` in its place, and drops what is for tests.
fn inline(items: &mut Vec<Item>, folder: &Path, files: &[&str], rules: &mut Vec<(String, String)>) {
    items.retain(|item| !for_tests(item));
    for item in items {
        let Item::Mod(module) = item else { continue };
        if module.content.is_some() {
            continue;
        }
        let name = module.ident.to_string();
        let path = folder.join(format!("{name}.rs"));
        let mut file = read(&path);
        file.items.retain(|item| !for_tests(item));
        if files.contains(&name.as_str()) {
            let room = folder.file_name().unwrap_or_default().to_string_lossy();
            let place = format!("{room}/{name}.rs");
            Switches {
                place,
                function: String::new(),
                is_bool: false,
                rules,
            }
            .visit_file_mut(&mut file);
        }
        module.content = Some((Default::default(), file.items));
        module.semi = None;
    }
}

fn for_tests(item: &Item) -> bool {
    let attributes = match item {
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => return false,
    };
    attributes
        .iter()
        .any(|a| a.to_token_stream().to_string().replace(' ', "") == "#[cfg(test)]")
}

struct Switches<'a> {
    place: String,
    function: String,
    /// The function returns a Boolean.
    is_bool: bool,
    rules: &'a mut Vec<(String, String)>,
}

impl Switches<'_> {
    /// Whether the rule of this text is on, as an expression.
    fn on(&mut self, text: &impl ToTokens) -> Expr {
        let text = text.to_token_stream().to_string();
        let mut text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.chars().count() > TEXT {
            text = text.chars().take(TEXT).collect::<String>() + " …";
        }
        let number = self.rules.len();
        self.rules
            .push((format!("{} {}", self.place, self.function), text));
        parse_quote!(crate::model::on(#number))
    }

    /// The condition, of which each alternative can be switched off.
    fn condition(&mut self, condition: &Expr) -> Expr {
        match condition {
            Expr::Binary(both) if matches!(both.op, BinOp::Or(_)) => {
                let (left, right) = (self.condition(&both.left), self.condition(&both.right));
                parse_quote!((#left || #right))
            }
            Expr::Paren(inner) if is_or(&inner.expr) => self.condition(&inner.expr),
            _ => {
                let on = self.on(condition);
                match has_let(condition) {
                    true => parse_quote!(#condition && #on),
                    false => parse_quote!(((#condition) && #on)),
                }
            }
        }
    }

    /// The value of a Boolean function, each operand of which can be switched off.
    fn boolean(&mut self, value: &Expr) -> Expr {
        match value {
            Expr::Binary(both) if matches!(both.op, BinOp::Or(_)) => self.condition(value),
            Expr::Binary(both) if matches!(both.op, BinOp::And(_)) => {
                let (left, right) = (self.operand(&both.left), self.operand(&both.right));
                parse_quote!((#left && #right))
            }
            Expr::Match(choice) => {
                let mut choice = choice.clone();
                for arm in &mut choice.arms {
                    let (body, on) = (arm.body.clone(), self.on(arm));
                    arm.body = parse_quote!((#body) || !#on);
                    arm.comma = Some(Default::default());
                }
                Expr::Match(choice)
            }
            other => other.clone(),
        }
    }

    fn operand(&mut self, operand: &Expr) -> Expr {
        match operand {
            Expr::Binary(both) if matches!(both.op, BinOp::And(_)) => self.boolean(operand),
            _ => {
                let on = self.on(operand);
                parse_quote!(((#operand) || !#on))
            }
        }
    }

    fn function(&mut self, name: String, output: &ReturnType, block: &mut Block) {
        let is_bool =
            matches!(output, ReturnType::Type(_, of) if of.to_token_stream().to_string() == "bool");
        self.function = name;
        self.is_bool = is_bool;
        visit_mut::visit_block_mut(self, block);
        if is_bool && let Some(Stmt::Expr(value, None)) = block.stmts.last_mut() {
            *value = self.boolean(value);
        }
    }
}

impl VisitMut for Switches<'_> {
    fn visit_item_fn_mut(&mut self, function: &mut ItemFn) {
        let name = function.sig.ident.to_string();
        self.function(name, &function.sig.output, &mut function.block);
    }

    fn visit_impl_item_fn_mut(&mut self, function: &mut ImplItemFn) {
        if function.sig.constness.is_some() {
            return;
        }
        let name = function.sig.ident.to_string();
        self.function(name, &function.sig.output, &mut function.block);
    }

    fn visit_expr_if_mut(&mut self, branch: &mut syn::ExprIf) {
        visit_mut::visit_expr_if_mut(self, branch);
        if ends(&branch.then_branch) {
            *branch.cond = self.condition(&branch.cond);
        }
    }

    fn visit_arm_mut(&mut self, arm: &mut Arm) {
        visit_mut::visit_arm_mut(self, arm);
        if !self.is_bool && refuses(&arm.body) {
            let (pattern, guard, body) = (
                &arm.pat,
                arm.guard.as_ref().map(|(_, guard)| guard),
                &arm.body,
            );
            let text = match guard {
                Some(guard) => quote!(#pattern if #guard),
                None => quote!(#pattern),
            };
            let on = self.on(&text);
            arm.body = parse_quote!(if #on { #body } else { crate::model::permitted() });
            arm.comma = Some(Default::default());
        }
    }

    fn visit_stmt_mut(&mut self, statement: &mut Stmt) {
        visit_mut::visit_stmt_mut(self, statement);
        if let Stmt::Expr(Expr::Try(check), Some(_)) = statement {
            let on = self.on(&check.expr);
            *statement = parse_quote!(if #on { #check; });
        }
    }
}

fn is_or(expression: &Expr) -> bool {
    matches!(expression, Expr::Binary(both) if matches!(both.op, BinOp::Or(_)))
}

fn has_let(condition: &Expr) -> bool {
    match condition {
        Expr::Let(_) => true,
        Expr::Binary(both) => has_let(&both.left) || has_let(&both.right),
        _ => false,
    }
}

/// The expression is a refusal.
fn refuses(expression: &Expr) -> bool {
    match expression {
        Expr::Call(call) => {
            let name = call.func.to_token_stream().to_string();
            match name.as_str() {
                "refuse" | "Err" => true,
                "Ok" => call.args.first().is_some_and(refuses),
                _ => false,
            }
        }
        Expr::Try(inner) => refuses(&inner.expr),
        Expr::Block(block) => match block.block.stmts.last() {
            Some(Stmt::Expr(last, None)) => refuses(last),
            _ => false,
        },
        _ => false,
    }
}

/// The block returns, or refuses at its end.
fn ends(block: &Block) -> bool {
    struct Returns(bool);
    impl Visit<'_> for Returns {
        fn visit_expr_return(&mut self, _: &syn::ExprReturn) {
            self.0 = true;
        }
    }
    let mut returns = Returns(false);
    visit::visit_block(&mut returns, block);
    let last = matches!(block.stmts.last(), Some(Stmt::Expr(last, None)) if refuses(last));
    returns.0 || last
}
