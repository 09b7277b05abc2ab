//! Every path of a source, resolved as far as names in one file allow: `crate`, `self`, `super`, and what `use` renames.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use std::collections::HashMap;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// One path, and how it is used.
#[derive(Debug, Clone)]
pub struct Found {
    /// From the root: `crate`, `std`, `tokio`, or a local name.
    pub segments: Vec<String>,
    pub line: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A type, an expression, a pattern, or tokens in a macro.
    Mention,
    /// A private `use`.
    Import,
    /// A `use` that others can reach.
    Export,
    /// A `use` that ends in `*`.
    Glob,
    /// A macro by its name.
    Macro,
    /// A method call, by its name alone.
    Method,
    /// Something that no source may hold: `extern crate`, `#[path]`, another name for the crate.
    Smuggled,
}

/// Every path outside `#[cfg(test)]`, of the file that is module `module` (from the crate's root).
pub fn of_source(source: &str, module: &[String]) -> Vec<Found> {
    let file = syn::parse_file(source).expect("a source parses");
    let mut collector = Collector { module: module.to_vec(), names: vec![HashMap::new()], found: Vec::new() };
    collector.learn(&file.items);
    collector.visit_file(&file);
    collector.found
}

struct Collector {
    module: Vec<String>,
    /// What `use` made of names, one table a module.
    names: Vec<HashMap<String, Vec<String>>>,
    found: Vec<Found>,
}

impl Collector {
    fn learn(&mut self, items: &[syn::Item]) {
        for item in items {
            if let syn::Item::Use(item) = item
                && !is_test(&item.attrs)
            {
                for (path, name, _) in flatten(&item.tree) {
                    let resolved = self.resolve(&path, item.leading_colon.is_some());
                    if let (Some(name), Some(table)) = (name, self.names.last_mut()) {
                        table.insert(name, resolved);
                    }
                }
            }
        }
    }

    /// A path from the root, as far as this file tells.
    fn resolve(&self, path: &[String], absolute: bool) -> Vec<String> {
        let mut module = self.module.clone();
        let mut rest = path;
        match path.first().map(String::as_str) {
            _ if absolute => return path.to_vec(),
            Some("crate" | "$crate" | "dicomgate") => {
                return std::iter::once("crate".to_owned()).chain(path.iter().skip(1).cloned()).collect();
            }
            Some("self") => rest = &path[1..],
            Some("super") => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    module.pop();
                    rest = &rest[1..];
                }
            }
            Some(first) => {
                let known = self.names.last().and_then(|table| table.get(first));
                return match known {
                    Some(known) => known.iter().cloned().chain(path.iter().skip(1).cloned()).collect(),
                    None => path.to_vec(),
                };
            }
            None => {}
        }
        std::iter::once("crate".to_owned()).chain(module).chain(rest.iter().cloned()).collect()
    }

    fn add(&mut self, segments: Vec<String>, span: Span, kind: Kind) {
        self.found.push(Found { segments, line: span.start().line, kind });
    }

    fn smuggled(&mut self, what: &str, span: Span) {
        self.add(vec![what.to_owned()], span, Kind::Smuggled);
    }

    /// What looks like a path among the tokens of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut colons, mut start) = (0, Span::call_site());
        let mut calls = false;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) if colons == 2 && !path.is_empty() => {
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Ident(ident) => {
                    self.mention(&mut path, start);
                    if calls {
                        self.add(vec![ident.to_string()], ident.span(), Kind::Method);
                    }
                    start = ident.span();
                    path = vec![ident.to_string()];
                    colons = 0;
                }
                TokenTree::Group(group) => {
                    if group.delimiter() == Delimiter::Brace && colons == 2 {
                        for inner in group.stream() {
                            if let TokenTree::Ident(ident) = inner {
                                let mut longer = path.clone();
                                longer.push(ident.to_string());
                                self.mention(&mut longer, start);
                            }
                        }
                    }
                    self.mention(&mut path, start);
                    colons = 0;
                    self.tokens(group.stream());
                }
                TokenTree::Punct(punct) => {
                    self.mention(&mut path, start);
                    colons = 0;
                    calls = punct.as_char() == '.';
                    continue;
                }
                TokenTree::Literal(_) => {
                    self.mention(&mut path, start);
                    colons = 0;
                }
            }
            calls = false;
        }
        self.mention(&mut path, start);
    }

    fn mention(&mut self, path: &mut Vec<String>, span: Span) {
        if path.len() > 1 {
            let resolved = self.resolve(path, false);
            self.add(resolved, span, Kind::Mention);
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        for attribute in &item.attrs {
            if attribute.path().is_ident("path") {
                self.smuggled("`#[path]`: a module's place is its name", attribute.span());
            }
        }
        self.module.push(item.ident.to_string());
        self.names.push(HashMap::new());
        if let Some((_, items)) = &item.content {
            self.learn(items);
        }
        visit::visit_item_mod(self, item);
        self.names.pop();
        self.module.pop();
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.smuggled("`extern crate`: paths begin with the crate's own name", item.span());
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let exported = !matches!(item.vis, syn::Visibility::Inherited);
        for (path, name, glob) in flatten(&item.tree) {
            let resolved = self.resolve(&path, item.leading_colon.is_some());
            if resolved == ["crate"] && name.is_some() {
                self.smuggled("another name for the crate", item.span());
            }
            let kind = match (glob, exported) {
                (true, _) => Kind::Glob,
                (false, true) => Kind::Export,
                (false, false) => Kind::Import,
            };
            self.add(resolved, item.span(), kind);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let resolved = self.resolve(&segments, path.leading_colon.is_some());
        self.add(resolved, path.span(), Kind::Mention);
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.add(vec![call.method.to_string()], call.method.span(), Kind::Method);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        if let Some(name) = item.path.segments.last() {
            self.add(vec![name.ident.to_string()], item.path.span(), Kind::Macro);
        }
        self.tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }
}

/// The paths of a use tree: each with the name that it gets here, and whether it ends in `*`.
fn flatten(tree: &syn::UseTree) -> Vec<(Vec<String>, Option<String>, bool)> {
    match tree {
        syn::UseTree::Path(path) => flatten(&path.tree)
            .into_iter()
            .map(|(mut rest, name, glob)| {
                rest.insert(0, path.ident.to_string());
                let name = if rest.last().is_some_and(|last| last == "self") && rest.len() > 1 {
                    rest.pop();
                    name.filter(|name| name != "self").or_else(|| rest.last().cloned())
                } else {
                    name
                };
                (rest, name, glob)
            })
            .collect(),
        syn::UseTree::Name(name) => vec![(vec![name.ident.to_string()], Some(name.ident.to_string()), false)],
        syn::UseTree::Rename(rename) => vec![(vec![rename.ident.to_string()], Some(rename.rename.to_string()), false)],
        syn::UseTree::Glob(_) => vec![(Vec::new(), None, true)],
        syn::UseTree::Group(group) => group.items.iter().flat_map(flatten).collect(),
    }
}

/// Whether something exists only while testing.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && matches!(attribute.parse_args::<syn::Path>(), Ok(path) if path.is_ident("test"))
    })
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
