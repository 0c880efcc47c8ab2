//! How a rule is applied: whether it records, who waits for the record, and what happens where there can be none.

/// Whether a rule records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Record,
    /// Evaluated and counted only.
    Shadow,
    /// Not even that.
    Disabled,
}

impl Mode {
    /// As it is written in a rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Record => "record",
            Mode::Shadow => "shadow",
            Mode::Disabled => "disabled",
        }
    }
}

/// Whether the caller waits for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// The end of the answer is held until the record is synced.
    Durable,
    /// Recorded soon, never waited for.
    Buffered,
}

impl Guarantee {
    /// As it is written in a rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            Guarantee::Durable => "durable",
            Guarantee::Buffered => "buffered",
        }
    }
}

/// What happens when nothing can be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The application keeps working.
    Allow,
    /// The request is answered 503.
    Refuse,
}

impl OnFailure {
    /// As it is written in a rule file.
    pub fn as_str(self) -> &'static str {
        match self {
            OnFailure::Allow => "allow",
            OnFailure::Refuse => "refuse",
        }
    }
}
