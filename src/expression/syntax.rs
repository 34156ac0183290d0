//! The syntax tree of an expression: what was written, before anything is known of types.

/// A type as written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TypeSyntax {
    pub(crate) at: usize,
    pub(crate) kind: TypeSyntaxKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TypeSyntaxKind {
    /// `A.B<C>`: dotted name and the arguments of its last part.
    Name(String, Vec<TypeSyntax>),
    Array(Box<TypeSyntax>),
    Nullable(Box<TypeSyntax>),
    Tuple(Vec<(TypeSyntax, Option<String>)>),
    Var,
}

/// How an argument is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArgumentMode {
    Value,
    Out,
    Ref,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Argument {
    pub(crate) name: Option<String>,
    pub(crate) mode: ArgumentMode,
    pub(crate) value: Node,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: usize,
    pub(crate) kind: NodeKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Boolean(bool),
    /// Units of a string.
    String(Vec<u16>),
    Char(u16),
    /// Value and suffix (`u`, `l`, `ul` or nothing).
    Integer(u64, &'static str),
    Double(f64),
    Single(f32),
    Decimal(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum BinaryOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessEqual,
    GreaterEqual,
    LogicalAnd,
    LogicalOr,
    Coalesce,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOperator {
    Plus,
    Minus,
    Not,
    Complement,
    PreIncrement,
    PreDecrement,
    PostIncrement,
    PostDecrement,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Initializer {
    /// `{ A = 1, B = { … } }`.
    Object(Vec<(usize, Target, InitializerValue)>),
    /// `{ 1, { k, v } }`.
    Collection(Vec<Vec<Node>>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    Property(String),
    Indexer(Vec<Argument>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum InitializerValue {
    Value(Node),
    Nested(Initializer),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LambdaParameter {
    pub(crate) name: String,
    pub(crate) ty: Option<TypeSyntax>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LambdaBody {
    Expression(Box<Node>),
    Block(Vec<Statement>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pattern {
    Type(TypeSyntax),
    Declaration(TypeSyntax, Option<String>),
    Constant(Box<Node>),
    Var(String),
    /// A name that may be a type or a constant.
    Either(TypeSyntax, Box<Node>),
}

#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a tree that lives as long as one compilation")]
pub(crate) enum InterpolationPart {
    Text(Vec<u16>),
    Hole { value: Node, alignment: Option<Node>, format: Option<String> },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeKind {
    Literal(Literal),
    Name(String, Vec<TypeSyntax>),
    /// `string`, `int`, … in front of a dot.
    Keyword(&'static str),
    Member(Box<Node>, String, Vec<TypeSyntax>),
    /// Receiver, and what is done with it unless it is null; the receiver's place is [`NodeKind::Receiver`].
    NullConditional(Box<Node>, Box<Node>),
    Receiver,
    Call(Box<Node>, Vec<Argument>),
    Index(Box<Node>, Vec<Argument>),
    New(TypeSyntax, Vec<Argument>, Option<Initializer>),
    /// Element type, length, elements.
    NewArray(Option<TypeSyntax>, Option<Box<Node>>, Option<Vec<Node>>),
    Anonymous(Vec<(Option<String>, Node)>),
    Unary(UnaryOperator, Box<Node>),
    Binary(BinaryOperator, Box<Node>, Box<Node>),
    Assign(Option<BinaryOperator>, Box<Node>, Box<Node>),
    Conditional(Box<Node>, Box<Node>, Box<Node>),
    Cast(TypeSyntax, Box<Node>),
    As(Box<Node>, TypeSyntax),
    Is(Box<Node>, Pattern),
    Lambda(Vec<LambdaParameter>, LambdaBody),
    Interpolated(Vec<InterpolationPart>),
    TypeOf(TypeSyntax),
    NameOf(Box<Node>),
    Default(Option<TypeSyntax>),
    Throw(Box<Node>),
    Tuple(Vec<(Option<String>, Node)>),
    /// `checked` (true) or `unchecked`.
    Checked(bool, Box<Node>),
    /// `out var x`, `out int x`, and the parts of `var (a, b) =`.
    Declaration(TypeSyntax, String),
    Discard,
    /// `{ … }` where an array is initialised.
    ArrayInitializer(Vec<Node>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    pub(crate) at: usize,
    pub(crate) kind: StatementKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Catch {
    pub(crate) at: usize,
    pub(crate) ty: Option<TypeSyntax>,
    pub(crate) name: Option<String>,
    pub(crate) filter: Option<Node>,
    pub(crate) body: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Label {
    Case(Pattern, Option<Node>),
    Default,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StatementKind {
    Empty,
    Block(Vec<Statement>),
    Expression(Node),
    /// Type, whether `const`, names with their values.
    Declare(TypeSyntax, bool, Vec<(String, Option<Node>)>),
    /// `var (a, b) = …`.
    Deconstruct(Vec<(Option<TypeSyntax>, String)>, Node),
    LocalFunction(TypeSyntax, String, Vec<LambdaParameter>, LambdaBody),
    If(Node, Box<Statement>, Option<Box<Statement>>),
    While(Node, Box<Statement>),
    DoWhile(Box<Statement>, Node),
    For(Vec<Statement>, Option<Node>, Vec<Node>, Box<Statement>),
    ForEach(TypeSyntax, String, Node, Box<Statement>),
    Switch(Node, Vec<(Vec<Label>, Vec<Statement>)>),
    Return(Option<Node>),
    Break,
    Continue,
    Throw(Option<Node>),
    Try(Vec<Statement>, Vec<Catch>, Option<Vec<Statement>>),
    Using(Box<Statement>, Box<Statement>),
    Checked(bool, Vec<Statement>),
}

/// What an expression value is: `@( … )` or `@{ … }`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Expression(Node),
    Block(Vec<Statement>),
}
