//! `$filter`: a small grammar, parsed and then evaluated over an object's JSON.
//!
//! ```text
//! or        = and *( "or" and )
//! and       = not *( "and" not )
//! not       = "not" not / "(" or ")" / predicate
//! predicate = function "(" path "," literal ")"
//!           / path "/" ( "any" / "all" ) "(" name ":" or ")"
//!           / path ( "eq" / "ne" / "ge" / "gt" / "le" / "lt" ) literal
//!           / path "in" "(" literal *( "," literal ) ")"
//! literal   = "'" text "'" / number / "true" / "false" / "null" / word   ; a GUID, a moment
//! ```

mod evaluate;

use std::fmt;

/// Nesting beyond this is refused, so that no filter can exhaust the stack.
const MAX_DEPTH: usize = 32;

/// A parsed filter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    Or(Box<Filter>, Box<Filter>),
    And(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare { path: Path, operator: Operator, literal: Literal },
    In { path: Path, literals: Vec<Literal> },
    Function { function: Function, path: Path, literal: Literal },
    Lambda { all: bool, path: Path, variable: String, filter: Box<Filter> },
}

/// A property, and properties of it: `api/requestedAccessTokenVersion`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(Vec<String>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    Ne,
    Ge,
    Gt,
    Le,
    Lt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Number(f64),
    Boolean(bool),
    Null,
    /// Unquoted: a GUID or a moment.
    Word(String),
}

const OPERATORS: &[(&str, Operator)] = &[
    ("eq", Operator::Eq),
    ("ne", Operator::Ne),
    ("ge", Operator::Ge),
    ("gt", Operator::Gt),
    ("le", Operator::Le),
    ("lt", Operator::Lt),
];

const FUNCTIONS: &[(&str, Function)] = &[
    ("startswith", Function::StartsWith),
    ("endswith", Function::EndsWith),
    ("contains", Function::Contains),
];

/// Words that cannot name a property where an expression is expected.
const RESERVED: &[&str] = &["and", "or", "not", "in", "eq", "ne", "ge", "gt", "le", "lt"];

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(String),
    Word(String),
    Symbol(char),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            ' ' | '\t' => {}
            '(' | ')' | ',' | ':' | '/' if character != ':' || !tokens.is_empty() => {
                tokens.push(Token::Symbol(character));
            }
            '\'' => {
                let mut content = String::new();
                loop {
                    match rest.next()? {
                        '\'' if rest.peek() == Some(&'\'') => {
                            rest.next();
                            content.push('\'');
                        }
                        '\'' => break,
                        other => content.push(other),
                    }
                }
                tokens.push(Token::Text(content));
            }
            first if is_word(first) => {
                let mut word = String::from(first);
                while let Some(next) = rest.peek().copied() {
                    // A colon belongs to a moment, and elsewhere to a lambda's variable.
                    let in_moment = next == ':' && word.starts_with(|c: char| c.is_ascii_digit());
                    if !is_word(next) && !in_moment {
                        break;
                    }
                    word.push(next);
                    rest.next();
                }
                tokens.push(Token::Word(word));
            }
            _ => return None,
        }
    }
    Some(tokens)
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || ['_', '-', '.', '@', '+'].contains(&character)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Filter {
    /// Parses a filter; none where it does not follow the grammar.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0 };
        let filter = parser.either(0)?;
        (parser.at == parser.tokens.len()).then_some(filter)
    }
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn symbol(&mut self, symbol: char) -> Option<()> {
        (self.next()? == Token::Symbol(symbol)).then_some(())
    }

    fn at_symbol(&self, symbol: char) -> bool {
        self.peek() == Some(&Token::Symbol(symbol))
    }

    fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word))
    }

    fn word(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    fn either(&mut self, depth: usize) -> Option<Filter> {
        let mut left = self.both(depth)?;
        while self.at_word("or") {
            self.at += 1;
            left = Filter::Or(Box::new(left), Box::new(self.both(depth)?));
        }
        Some(left)
    }

    fn both(&mut self, depth: usize) -> Option<Filter> {
        let mut left = self.negation(depth)?;
        while self.at_word("and") {
            self.at += 1;
            left = Filter::And(Box::new(left), Box::new(self.negation(depth)?));
        }
        Some(left)
    }

    fn negation(&mut self, depth: usize) -> Option<Filter> {
        if depth > MAX_DEPTH {
            return None;
        }
        if self.at_word("not") {
            self.at += 1;
            return Some(Filter::Not(Box::new(self.negation(depth + 1)?)));
        }
        if self.at_symbol('(') {
            self.at += 1;
            let inner = self.either(depth + 1)?;
            self.symbol(')')?;
            return Some(inner);
        }
        self.predicate(depth)
    }

    fn predicate(&mut self, depth: usize) -> Option<Filter> {
        let name = self.word()?;
        if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            return None;
        }
        if self.at_symbol('(') {
            let lower = name.to_ascii_lowercase();
            let (_, function) = FUNCTIONS.iter().find(|(word, _)| *word == lower)?;
            self.at += 1;
            let first = self.word()?;
            let path = self.path(first)?;
            self.symbol(',')?;
            let literal = self.literal()?;
            self.symbol(')')?;
            return Some(Filter::Function { function: *function, path, literal });
        }
        let mut path = self.path(name)?;
        if self.at_symbol('(') {
            return self.lambda(path, depth);
        }
        let word = self.word()?.to_ascii_lowercase();
        if word == "in" {
            self.symbol('(')?;
            let mut literals = vec![self.literal()?];
            while self.at_symbol(',') {
                self.at += 1;
                literals.push(self.literal()?);
            }
            self.symbol(')')?;
            return Some(Filter::In { path, literals });
        }
        let (_, operator) = OPERATORS.iter().find(|(name, _)| *name == word)?;
        path.0.shrink_to_fit();
        Some(Filter::Compare { path, operator: *operator, literal: self.literal()? })
    }

    fn lambda(&mut self, mut path: Path, depth: usize) -> Option<Filter> {
        let kind = path.0.pop()?.to_ascii_lowercase();
        if path.0.is_empty() || !["any", "all"].contains(&kind.as_str()) {
            return None;
        }
        self.symbol('(')?;
        let variable = self.word()?;
        if RESERVED.contains(&variable.to_ascii_lowercase().as_str()) {
            return None;
        }
        self.symbol(':')?;
        let filter = Box::new(self.either(depth + 1)?);
        self.symbol(')')?;
        Some(Filter::Lambda { all: kind == "all", path, variable, filter })
    }

    fn path(&mut self, first: String) -> Option<Path> {
        let mut parts = vec![first];
        while self.at_symbol('/') {
            self.at += 1;
            parts.push(self.word()?);
        }
        Some(Path(parts))
    }

    fn literal(&mut self) -> Option<Literal> {
        match self.next()? {
            Token::Text(text) => Some(Literal::Text(text)),
            Token::Word(word) => Some(match word.to_ascii_lowercase().as_str() {
                "true" => Literal::Boolean(true),
                "false" => Literal::Boolean(false),
                "null" => Literal::Null,
                lower => match lower.parse::<f64>().ok().filter(|number| number.is_finite()) {
                    Some(number) => Literal::Number(number),
                    None => Literal::Word(word),
                },
            }),
            Token::Symbol(_) => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Number(number) => write!(f, "{number}"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Null => f.write_str("null"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Or(left, right) => write!(f, "({left} or {right})"),
            Self::And(left, right) => write!(f, "({left} and {right})"),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Compare { path, operator, literal } => {
                write!(f, "{path} {} {literal}", name_of(OPERATORS, *operator))
            }
            Self::In { path, literals } => {
                let literals: Vec<String> = literals.iter().map(ToString::to_string).collect();
                write!(f, "{path} in ({})", literals.join(", "))
            }
            Self::Function { function, path, literal } => {
                write!(f, "{}({path}, {literal})", name_of(FUNCTIONS, *function))
            }
            Self::Lambda { all, path, variable, filter } => {
                let kind = if *all { "all" } else { "any" };
                write!(f, "{path}/{kind}({variable}:{filter})")
            }
        }
    }
}

fn name_of<T: PartialEq + Copy>(names: &[(&'static str, T)], value: T) -> &'static str {
    names.iter().find(|(_, named)| *named == value).map_or("", |(name, _)| name)
}

#[cfg(test)]
mod tests;
