//! What a person or a program is allowed to be.

model::names! {
    /// What a person may do. Marketers and operators both may look at everything; each may change their own wing.
    #[derive(utoipa::ToSchema)]
    Role {
        /// Looks at everything, changes nothing.
        Viewer "viewer",
        /// Writes and sends campaigns, keeps lists and contacts.
        Marketer "marketer",
        /// Holds, releases and tunes delivery; works with alerts.
        Operator "operator",
        /// Everything, accounts and keys included.
        Admin "admin",
    }
}

impl Role {
    /// True when this role may do what `needed` may.
    pub fn covers(self, needed: Role) -> bool {
        self == needed || self == Role::Admin || needed == Role::Viewer
    }
}

model::names! {
    /// What a program with an API key may do.
    #[derive(utoipa::ToSchema)]
    #[schema(as = KeyScope)]
    Scope {
        /// Hand in mail, over HTTP or SMTP AUTH.
        Inject "inject",
        /// Read what a viewer reads.
        Read "read",
        /// Change what marketers and operators change.
        Manage "manage",
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
