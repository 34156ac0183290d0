//! Names to members, types to every expression: the typed tree, or the reason why there is none.

use super::bound::{Expr, ExprKind, Lambda, Local, LocalId, Stmt};
use super::catalogue;
use super::syntax::{Body, Node, NodeKind, TypeSyntax, TypeSyntaxKind};
use super::types::{self, Shape, Type, known};

mod calls;
mod constants;
mod conversions;
mod creation;
mod expressions;
mod inference;
mod lambdas;
mod members;
mod operators;
mod patterns;
mod statements;

/// Why an expression does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// The compiler of C# refuses it.
    Type,
    /// The published list of types does not allow it.
    NotAllowed,
    /// It is allowed and not emulated here.
    NotEmulated,
}

/// One reason, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) at: usize,
    pub(crate) kind: ProblemKind,
    pub(crate) message: String,
    /// What may be meant instead of a name that means nothing.
    pub(crate) near: Option<&'static str>,
}

pub(crate) type Bound<T> = Result<T, Box<Problem>>;

/// Steps of binding, nested lambdas bound anew for each overload included.
const MAX_WORK: usize = 200_000;

pub(crate) struct Binder {
    pub(crate) locals: Vec<Local>,
    scopes: Vec<Vec<(String, Name)>>,
    functions: Vec<Function>,
    /// Functions ever made.
    pub(crate) function_count: u32,
    receivers: Vec<Expr>,
    checked: bool,
    /// Inside an explicit `unchecked`, where constants may overflow.
    unchecked: bool,
    work: usize,
    nesting: usize,
    /// What is allowed and not emulated: binding goes on behind it, so that what Azure would refuse is found.
    missing: Vec<Problem>,
    /// The types that the program's own `return` statements give before they are converted.
    natural: Vec<Type>,
    /// Keys of the enum values that were named: they become constants, which no longer tell.
    values: Vec<&'static str>,
}

#[derive(Debug, Clone)]
enum Name {
    Local(LocalId),
    Constant(Expr),
}

struct Function {
    id: u32,
    /// What `return` must give; none while it is being inferred.
    result: Option<Type>,
    returns: Vec<Type>,
    /// Index of the first scope of the function.
    loops: usize,
}

fn problem(at: usize, kind: ProblemKind, message: impl Into<String>) -> Box<Problem> {
    Box::new(Problem { at, kind, message: message.into(), near: None })
}

fn refuse<T>(at: usize, message: impl Into<String>) -> Bound<T> {
    Err(problem(at, ProblemKind::Type, message))
}

/// Refuses a member that a type does not have, and names the nearest one that it has.
fn unknown_member<T>(at: usize, ty: Type, name: &str, message: String) -> Bound<T> {
    let own = members::holders(ty).into_iter().filter_map(Type::definition).flat_map(|definition| definition.members());
    // Names that C# itself gives to operators and constructors are no candidates.
    let names = own.map(|member| member.name).filter(|name| !name.starts_with("op_") && !name.starts_with(['.', '<']));
    let mut found = problem(at, ProblemKind::Type, message);
    found.near = crate::support::suggest::nearest(name, names);
    Err(found)
}

fn not_emulated<T>(at: usize, what: impl std::fmt::Display) -> Bound<T> {
    Err(problem(at, ProblemKind::NotEmulated, format!("{what} is not emulated")))
}

/// The whole program: its main function, and what is known of its locals.
pub(crate) struct Program {
    pub(crate) main: Lambda,
    pub(crate) locals: Vec<Local>,
    pub(crate) functions: u32,
    /// Keys of the enum values that it names.
    pub(crate) values: Vec<&'static str>,
    /// The type of what it gives.
    pub(crate) result: Type,
    /// The type of what it says before that is converted to `result`; none where the returned values have no type in common.
    pub(crate) natural: Option<Type>,
    /// Everything it uses that is allowed and not emulated, in the order of the text. If there is any, the program cannot run.
    pub(crate) missing: Vec<Problem>,
}

/// Binds `body`; `wanted` is the type that its place wants.
pub(crate) fn bind(body: &Body, wanted: Option<Type>) -> Bound<Program> {
    let mut binder = Binder {
        locals: Vec::new(),
        scopes: vec![Vec::new()],
        functions: vec![Function { id: 0, result: wanted, returns: Vec::new(), loops: 0 }],
        function_count: 1,
        receivers: Vec::new(),
        checked: false,
        unchecked: false,
        work: 0,
        nesting: 0,
        missing: Vec::new(),
        natural: Vec::new(),
        values: Vec::new(),
    };
    let (result, natural);
    let body = match body {
        Body::Expression(node) => {
            let value = binder.argument_value(node)?;
            natural = value.as_ref().map(|value| value.ty);
            let value = match (value, wanted) {
                (Some(value), Some(wanted)) => binder.convert(value, wanted)?,
                (Some(value), None) => value,
                (None, Some(wanted)) => binder.convert_node(node, wanted)?,
                (None, None) => return refuse(node.at, "a lambda expression cannot be the value of an expression"),
            };
            if value.ty == known().void {
                return refuse(value.at, "Cannot implicitly convert type `void' to `object'");
            }
            result = value.ty;
            vec![Stmt::Return(Some(value))]
        }
        Body::Block(list) => {
            binder.functions[0].result = Some(wanted.unwrap_or(known().object));
            let body = binder.statements(list)?;
            if statements::completes(&body) {
                return refuse(0, "not all code paths return a value");
            }
            result = wanted.unwrap_or(known().object);
            natural = lambdas::best_common(&binder.natural);
            body
        }
    };
    let main = Lambda { function: 0, parameters: Vec::new(), body };
    let mut missing = binder.missing;
    missing.sort_by_key(|problem| problem.at);
    missing.dedup();
    Ok(Program { main, locals: binder.locals, functions: binder.function_count, values: binder.values, result, natural, missing })
}

impl Binder {
    fn step(&mut self, at: usize) -> Bound<()> {
        self.work += 1;
        if self.work > MAX_WORK { refuse(at, "the expression is too complex to compile") } else { Ok(()) }
    }

    /// Notes something that is allowed and not emulated.
    fn note_missing(&mut self, at: usize, what: impl std::fmt::Display) {
        self.missing.push(Problem { at, kind: ProblemKind::NotEmulated, message: format!("{what} is not emulated"), near: None });
    }

    /// The callee of a member; one that is not emulated is noted.
    fn callee_of(&mut self, at: usize, member: &'static catalogue::Member) -> super::bound::Callee {
        super::bound::callee(member).unwrap_or_else(|| {
            self.note_missing(at, format!("`{}`", member.key));
            super::bound::absent(member)
        })
    }

    fn function(&self) -> u32 {
        self.functions.last().map_or(0, |function| function.id)
    }

    fn new_local(&mut self, ty: Type) -> LocalId {
        let id = LocalId(u32::try_from(self.locals.len()).unwrap_or(u32::MAX));
        self.locals.push(Local { ty, function: self.function(), shared: false });
        id
    }

    fn declare(&mut self, at: usize, name: &str, ty: Type) -> Bound<LocalId> {
        if self.lookup(name).is_some() {
            return refuse(at, format!("A local variable named `{name}' is already declared in this scope"));
        }
        let id = self.new_local(ty);
        if let Some(scope) = self.scopes.last_mut() {
            scope.push((name.to_owned(), Name::Local(id)));
        }
        Ok(id)
    }

    fn lookup(&self, name: &str) -> Option<&Name> {
        self.scopes.iter().rev().flat_map(|scope| scope.iter().rev()).find(|(known, _)| known == name).map(|(_, name)| name)
    }

    /// Marks a local that another function uses.
    fn touch(&mut self, local: LocalId) {
        let function = self.function();
        if let Some(known) = self.locals.get_mut(local.0 as usize)
            && known.function != function
        {
            known.shared = true;
        }
    }

    fn share(&mut self, local: LocalId) {
        if let Some(known) = self.locals.get_mut(local.0 as usize) {
            known.shared = true;
        }
    }

    fn local_type(&self, local: LocalId) -> Type {
        self.locals.get(local.0 as usize).map_or(known().object, |local| local.ty)
    }

    fn scoped<T>(&mut self, work: impl FnOnce(&mut Self) -> Bound<T>) -> Bound<T> {
        self.scopes.push(Vec::new());
        let result = work(self);
        self.scopes.pop();
        result
    }

    /// The type that `syntax` names; naming an unlisted one is refused.
    fn resolve_type(&mut self, syntax: &TypeSyntax) -> Bound<Type> {
        match &syntax.kind {
            TypeSyntaxKind::Var => refuse(syntax.at, "`var` may not be used here"),
            TypeSyntaxKind::Array(element) => Ok(types::array(self.resolve_type(element)?)),
            TypeSyntaxKind::Nullable(inner) => {
                let inner_type = self.resolve_type(inner)?;
                if inner_type.is_value_type() && inner_type.nullable_of().is_none() {
                    Ok(types::nullable(inner_type))
                } else {
                    refuse(
                        syntax.at,
                        format!("The type `{inner_type}' must be a non-nullable value type in order to use it as type parameter `T'"),
                    )
                }
            }
            TypeSyntaxKind::Tuple(parts) => {
                let mut fields = Vec::new();
                for (part, name) in parts {
                    fields.push((name.clone(), self.resolve_type(part)?));
                }
                Ok(types::intern(Shape::Tuple(fields.into())))
            }
            TypeSyntaxKind::Name(name, arguments) => {
                if name == "void" {
                    return Ok(known().void);
                }
                if name == "dynamic" {
                    return Err(problem(syntax.at, ProblemKind::NotAllowed, "`dynamic` is not on the list of types that a policy may use"));
                }
                let mut list = Vec::new();
                for argument in arguments {
                    list.push(self.resolve_type(argument)?);
                }
                match catalogue::resolve(name, list.len()) {
                    Some(definition) if definition.listed || definition.name == "Object" || is_delegate_name(definition.name) => {
                        Ok(types::intern(Shape::Named(definition, list.into())))
                    }
                    Some(definition) => {
                        let message = format!("the type `{}` is not on the list of types that a policy may use", definition.full);
                        Err(problem(syntax.at, ProblemKind::NotAllowed, message))
                    }
                    None => {
                        if let Some(arity) = (0..9).find(|arity| catalogue::resolve(name, *arity).is_some()) {
                            return refuse(syntax.at, format!("Using the generic type `{name}' requires `{arity}' type argument(s)"));
                        }
                        let message = format!("the type `{name}` does not exist, or is not on the list of types that a policy may use");
                        Err(problem(syntax.at, ProblemKind::NotAllowed, message))
                    }
                }
            }
        }
    }

    /// Binds an argument or value: nothing for a lambda or method group, which has no type of its own.
    fn argument_value(&mut self, node: &Node) -> Bound<Option<Expr>> {
        if matches!(node.kind, NodeKind::Lambda(..)) || self.is_method_group(node) {
            return Ok(None);
        }
        self.expression(node).map(Some)
    }

    fn constant_of_default(at: usize, ty: Type) -> Expr {
        // That of a number is a constant as any other.
        if ty.primitive().is_some() {
            return Expr::constant(at, ty, crate::expression::value::Value::default_of(ty));
        }
        Expr { at, ty, kind: ExprKind::Default }
    }
}

/// Delegates are written as types of locals and casts (no document names them, but lambdas become them).
fn is_delegate_name(name: &str) -> bool {
    matches!(name, "Func" | "Action" | "Predicate" | "Comparison")
}
