//! What a person or a program is allowed to be.

use serde::{Deserialize, Serialize};

/// What a person may do. Marketers and operators both may look at everything; each may change their own wing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Looks at everything, changes nothing.
    Viewer,
    /// Writes and sends campaigns, keeps lists and contacts.
    Marketer,
    /// Holds, releases and tunes delivery; works with alerts.
    Operator,
    /// Everything, accounts and keys included.
    Admin,
}

impl Role {
    /// True when this role may do what `needed` may.
    pub fn covers(self, needed: Role) -> bool {
        self == needed || self == Role::Admin || needed == Role::Viewer
    }

    /// Its name in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Marketer => "marketer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Role> {
        [Role::Viewer, Role::Marketer, Role::Operator, Role::Admin].into_iter().find(|role| role.as_str() == name)
    }
}

/// What a program with an API key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Hand in mail, over HTTP or SMTP AUTH.
    Inject,
    /// Read what a viewer reads.
    Read,
    /// Change what marketers and operators change.
    Manage,
}

impl Scope {
    /// Its name in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Inject => "inject",
            Scope::Read => "read",
            Scope::Manage => "manage",
        }
    }

    /// The scope of this name.
    pub fn from_name(name: &str) -> Option<Scope> {
        [Scope::Inject, Scope::Read, Scope::Manage].into_iter().find(|scope| scope.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marketers_and_operators_do_not_cover_each_other() {
        assert!(Role::Admin.covers(Role::Operator));
        assert!(Role::Marketer.covers(Role::Viewer));
        assert!(!Role::Marketer.covers(Role::Operator));
        assert!(!Role::Operator.covers(Role::Marketer));
        assert!(!Role::Viewer.covers(Role::Marketer));
    }
}
