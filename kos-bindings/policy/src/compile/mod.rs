// SPDX-License-Identifier: MIT OR Apache-2.0
//! From declarations to tables.
//!
//! A binding is compiled once for each method that it covers, so that every name in it is a place
//! in a message whose layout is known, and every mistake is found before anything runs.

mod args;
mod expr;
mod objects;
mod rules;
mod targets;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use kos_bindings::nk::Field;
use rustc_hash::FxHashMap;

use crate::ast::{Binding, Body, Decl, Event, Item, Name, Selectors, TestSet};
use crate::error::{Error, Mistake, Pos, text, wrong};
use crate::load::Loaded;
use crate::program::{ANY, ClassId, Ex, Model, Node, ObjectDef, Profile, Program, RuleInfo, key};
use crate::world::{World, fields_of};
use expr::{Checked, Scope, Ty};
use targets::Target;

/// What is known while bindings are compiled.
struct Compiler {
    classes: FxHashMap<Box<str>, ClassId>,
    class_names: Vec<Box<str>>,
    objects: Vec<ObjectDef>,
    profiles: Vec<Profile>,
    default_profile: u16,
    rules: Vec<RuleInfo>,
    rule_ids: BTreeMap<Pos, u32>,
    tables: BTreeMap<u64, Vec<Node>>,
    used: BTreeMap<u64, BTreeSet<u16>>,
    /// Objects with a configuration that were named since it was emptied.
    named: RefCell<BTreeSet<u16>>,
    has_any: [bool; 3],
}

/// The profile that records nothing.
const EMPTY: u16 = 0;

impl Compiler {
    fn object(&self, name: &Name) -> Checked<(u16, &Model)> {
        let found = self.objects.iter().position(|object| object.name == name.text);
        match found.and_then(|at| Some((args::index(at), self.objects.get(at)?))) {
            Some((id, object)) => {
                if !matches!(object.model, Model::Base | Model::Aux(_) | Model::Each) {
                    self.named.borrow_mut().insert(id);
                }
                Ok((id, &object.model))
            }
            None => {
                let known: Vec<_> = self.objects.iter().map(|object| object.name.as_str()).collect();
                let known = if known.is_empty() {
                    "there are none: include a model, such as `use nk.base._`".to_owned()
                } else {
                    format!("there are {}", known.join(", "))
                };
                wrong(name.pos, format!("there is no object `{}`; {known}", name.text))
            }
        }
    }

    fn base(&self, pos: Pos) -> Checked<(u16, &Model)> {
        match self.objects.iter().position(|object| object.name == "base") {
            Some(at) => Ok((args::index(at), &Model::Base)),
            None => wrong(pos, "the model Base is not included: `use nk.base._`"),
        }
    }

    fn class(&self, name: &Name) -> Checked<ClassId> {
        match self.classes.get(name.text.as_str()) {
            Some(id) => Ok(*id),
            None => wrong(
                name.pos,
                format!("the class `{0}` is not declared: `use EDL {0}`", name.text),
            ),
        }
    }

    fn declare(&mut self, class: &Name) -> Checked<()> {
        if self.classes.contains_key(class.text.as_str()) {
            return Ok(());
        }
        let Ok(id) = ClassId::try_from(self.class_names.len()) else {
            return wrong(class.pos, "more than 65535 classes");
        };
        let text: Box<str> = class.text.as_str().into();
        self.class_names.push(text.clone());
        self.classes.insert(text, id);
        Ok(())
    }

    fn profile(&self, name: &Name) -> Checked<u16> {
        match self.profiles.iter().position(|profile| profile.name == name.text) {
            Some(at) => Ok(args::index(at)),
            None => wrong(name.pos, format!("there is no audit profile `{}`", name.text)),
        }
    }

    /// Objects and profiles, before the bindings that use them: declarations stand in any order.
    fn prepare(&mut self, loaded: &Loaded) -> Checked<()> {
        self.objects = objects::given(&loaded.models);
        for decl in &loaded.decls {
            match decl {
                Decl::Class(class) => self.declare(class)?,
                Decl::Object(object) => {
                    if matches!(
                        object.name.text.as_str(),
                        "message" | "src_sid" | "dst_sid" | "true" | "false"
                    ) {
                        let message = format!("`{}` means something else in rules", object.name.text);
                        return wrong(object.name.pos, message);
                    }
                    if self.objects.iter().any(|known| known.name == object.name.text) {
                        return wrong(object.name.pos, format!("`{}` is already declared", object.name.text));
                    }
                    let model = objects::model(object, &loaded.models)?;
                    let name = object.name.text.clone();
                    self.objects.push(ObjectDef { name, model });
                    if self.objects.len() > 4096 {
                        return wrong(object.name.pos, "more than 4096 objects");
                    }
                }
                _ => {}
            }
        }
        for decl in &loaded.decls {
            if let Decl::Profile(name, levels) = decl {
                if self.profiles.iter().any(|known| known.name == name.text) {
                    return wrong(
                        name.pos,
                        format!("the audit profile `{}` is already declared", name.text),
                    );
                }
                self.profiles.push(objects::profile(name, levels, self)?);
            }
        }
        Ok(())
    }

    fn defaults(&mut self, loaded: &Loaded) -> Checked<u64> {
        let mut found = None;
        for decl in &loaded.decls {
            match decl {
                Decl::AuditDefault(name, _) if found.is_some() => {
                    return wrong(name.pos, "`audit default` stands here twice");
                }
                Decl::AuditDefault(name, level) => {
                    self.default_profile = self.profile(name)?;
                    found = Some(*level);
                }
                Decl::ExecuteInterface(name) if name.text != "kl.core.Execute" => {
                    return wrong(
                        name.pos,
                        "the execute interface is `kl.core.Execute`; there is no other",
                    );
                }
                _ => {}
            }
        }
        Ok(found.unwrap_or(0))
    }

    fn binding(&mut self, world: &World, binding: &Binding) -> Checked<()> {
        let profile = self.default_profile;
        self.section(world, binding.event, &[&binding.selectors], &binding.body, profile)
    }

    /// Compiles a binding's body or a `match` section in it.
    fn section(
        &mut self,
        world: &World,
        event: Event,
        selectors: &[&Selectors],
        body: &Body,
        outer: u16,
    ) -> Checked<()> {
        let profile = body.audit.as_ref().map_or(Ok(outer), |name| self.profile(name))?;
        let target = self.target(world, event, selectors)?;
        for item in &body.items {
            match item {
                Item::Match(inner, body) => {
                    let mut all = selectors.to_vec();
                    all.push(inner);
                    self.section(world, event, &all, body, profile)?;
                }
                Item::Rule(_) | Item::Choice(_) => self.place(&target, item, profile)?,
            }
        }
        Ok(())
    }

    /// Puts a rule under each key that the selectors cover.
    fn place(&mut self, target: &Target, item: &Item, profile: u16) -> Checked<()> {
        let methods = target
            .methods
            .iter()
            .map(|(interface, method)| Some((*interface, *method)));
        let methods: Vec<_> = if target.event == Event::Execute {
            vec![None]
        } else {
            methods.collect()
        };
        for known in methods {
            let fields = match known {
                Some((_, method)) => fields_of(target.event, method),
                None => None,
            };
            let what = match known {
                Some((interface, method)) => {
                    format!("the {} of {}.{}", target.event.word(), interface.name, method.name)
                }
                None => "an `execute` event".to_owned(),
            };
            self.named.take();
            let node = self.node(target.event, item, fields, &what, profile)?;
            let (riid, mid) = known.map_or((0, 0), |(interface, method)| (interface.riid, method.mid));
            let key = key(target.event, target.src, target.dst, riid, mid);
            self.tables.entry(key).or_default().push(node);
            let named = self.named.take();
            if !named.is_empty() {
                self.used.entry(key).or_default().extend(named);
            }
            let at = match (target.src, target.dst) {
                (ANY, ANY) => Some(0),
                (ANY, _) => Some(1),
                (_, ANY) => Some(2),
                _ => None,
            };
            if let Some(flag) = at.and_then(|at| self.has_any.get_mut(at)) {
                *flag = true;
            }
        }
        Ok(())
    }

    fn scope(&self, event: Event, fields: Option<&'static [Field]>, what: &str) -> Scope<'_> {
        Scope {
            compiler: self,
            fields,
            what: what.to_owned(),
            has_dst: event != Event::Security,
        }
    }

    fn node(
        &mut self,
        event: Event,
        item: &Item,
        fields: Option<&'static [Field]>,
        what: &str,
        profile: u16,
    ) -> Checked<Node> {
        match item {
            Item::Rule(call) => {
                let (object, compiled) = self.scope(event, fields, what).rule(call)?;
                let next = expr_id(self.rules.len());
                let id = *self.rule_ids.entry(call.pos()).or_insert(next);
                if id == next {
                    self.rules.push(RuleInfo {
                        pos: call.pos(),
                        end: call.end,
                        text: String::new(),
                        is_used: false.into(),
                    });
                }
                Ok(Node::Rule {
                    rule: id,
                    profile,
                    object,
                    call: compiled,
                })
            }
            Item::Choice(choice) => {
                let (value, ty) = self.scope(event, fields, what).any(&choice.value)?;
                if matches!(ty, Ty::Unit | Ty::Sid) {
                    return wrong(choice.value.pos, "a choice is by a number, a Boolean or a text");
                }
                let (mut arms, mut otherwise) = (Vec::new(), None);
                for (literal, pos, body) in &choice.arms {
                    if otherwise.is_some() {
                        return wrong(*pos, "`_` is the last option");
                    }
                    let profile = body.audit.as_ref().map_or(Ok(profile), |name| self.profile(name))?;
                    let mut nodes = Vec::new();
                    for item in &body.items {
                        if let Item::Match(_, _) = item {
                            return wrong(*pos, "`match` in a `choice` is not implemented");
                        }
                        nodes.push(self.node(event, item, fields, what, profile)?);
                    }
                    match literal {
                        Some(literal) => {
                            let literal = self.scope(event, fields, what).of(literal, &ty)?;
                            self.check_option(&value, &literal, *pos)?;
                            if arms.iter().any(|(known, _): &(Ex, _)| is_same(known, &literal)) {
                                return wrong(*pos, "this option stands here twice");
                            }
                            arms.push((literal, nodes));
                        }
                        None => otherwise = Some(nodes),
                    }
                }
                Ok(Node::Choice {
                    pos: choice.pos,
                    end: choice.end,
                    value,
                    arms,
                    otherwise,
                })
            }
            Item::Match(..) => wrong(Pos::default(), "`match` stands in a binding"),
        }
    }

    /// An option that can never be taken is a mistake.
    fn check_option(&self, value: &Ex, option: &Ex, pos: Pos) -> Checked<()> {
        let (Ex::FlowQuery(object, _) | Ex::QueryLevel(object, _), Ex::Text(text)) = (value, option) else {
            return Ok(());
        };
        let names = match self.objects.get(usize::from(*object)).map(|object| &object.model) {
            Some(Model::Flow { states, .. }) => states,
            Some(Model::Mic { degrees, .. }) => degrees,
            _ => return Ok(()),
        };
        if names.iter().any(|name| **name == **text) {
            return Ok(());
        }
        wrong(
            pos,
            format!("the value is never {text:?}; there are {}", names.join(", ")),
        )
    }
}

/// The number that an option is; a negative one is an expression.
fn number(option: &Ex) -> Option<i128> {
    match option {
        Ex::Int(number) => Some(*number),
        Ex::Neg(inner) => Some(-number(inner)?),
        _ => None,
    }
}

/// Whether two options are the same value.
fn is_same(a: &Ex, b: &Ex) -> bool {
    match (a, b) {
        (Ex::Bool(a), Ex::Bool(b)) => a == b,
        (Ex::Text(a), Ex::Text(b)) => a == b,
        _ => number(a).is_some() && number(a) == number(b),
    }
}

fn expr_id(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Compiles a policy for a world.
///
/// # Errors
///
/// The first mistake: an unknown name, a wrong type, a model misused.
pub fn compile(loaded: &Loaded, world: World) -> Result<Program, Error> {
    let located = |mistake: Mistake| Error::new(&loaded.sources, mistake);
    let mut compiler = Compiler {
        classes: FxHashMap::default(),
        class_names: vec!["".into()],
        objects: Vec::new(),
        profiles: vec![Profile {
            name: "empty".to_owned(),
            levels: Vec::new(),
        }],
        default_profile: EMPTY,
        rules: Vec::new(),
        rule_ids: BTreeMap::new(),
        tables: BTreeMap::new(),
        used: BTreeMap::new(),
        named: RefCell::default(),
        has_any: [false; 3],
    };
    compiler.prepare(loaded).map_err(located)?;
    let level = compiler.defaults(loaded).map_err(located)?;
    let mut tests: Vec<TestSet> = Vec::new();
    for decl in &loaded.decls {
        match decl {
            Decl::Binding(binding) => compiler.binding(&world, binding).map_err(located)?,
            Decl::Tests(set) => tests.push(set.clone()),
            _ => {}
        }
    }
    let mut rules = compiler.rules;
    for rule in &mut rules {
        rule.text = text(&loaded.sources, rule.pos, rule.end);
    }
    let boxed = |(key, nodes): (u64, Vec<Node>)| (key, nodes.into_boxed_slice());
    Ok(Program {
        sources: loaded.sources.clone(),
        world,
        classes: compiler.classes,
        class_names: compiler.class_names,
        tables: compiler.tables.into_iter().map(boxed).collect(),
        used: compiler.used,
        has_any: compiler.has_any,
        rules,
        objects: compiler.objects,
        profiles: compiler.profiles,
        level,
        tests,
    })
}
