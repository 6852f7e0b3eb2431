//! Enums whose variants have names: one table from which the names in JSON, in databases, in data files and for people
//! all come, so that none can differ from another.

/// Declares an enum by a table of variants and names, with `ALL`, `as_str`, `from_name`, `Display` and serde.
///
/// ```text
/// names! {
///     /// What a person may do.
///     #[derive(utoipa::ToSchema)]
///     Role {
///         /// Looks at everything, changes nothing.
///         Viewer "viewer",
///     }
/// }
/// ```
/// The crate that uses it needs `serde`. Further derives stand in front of the name.
// The names are `tt` and not `literal`: derives of others read the tokens of `rename` and do not look into groups.
#[macro_export]
macro_rules! names {
    ($(#[$($meta:tt)*])* $name:ident { $($(#[$($inner:tt)*])* $variant:ident $text:tt,)* }) => {
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        $(#[$($meta)*])*
        pub enum $name {
            $($(#[$($inner)*])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Every one, in the order of declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// Its name in JSON, in databases and data files, and for people.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// The one of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// As [`names!`], with numbers in front: the binary form, which never changes. For this crate.
macro_rules! numbered_names {
    ($(#[$($meta:tt)*])* $name:ident { $($(#[$($inner:tt)*])* $n:literal $variant:ident $text:tt,)* }) => {
        $crate::names! {
            $(#[$($meta)*])*
            #[derive(minicbor::Encode, minicbor::Decode, schemars::JsonSchema)]
            #[cbor(index_only)]
            $name { $($(#[$($inner)*])* #[n($n)] $variant $text,)* }
        }

        impl $name {
            /// Its number in binary form; never changes.
            pub const fn number(self) -> u8 {
                match self { $($name::$variant => $n,)* }
            }
        }

        names_schema!($name);
    };
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema as _;

    names! {
        /// Something to try it with.
        #[derive(Default, utoipa::ToSchema)]
        Tone {
            /// The first.
            #[default]
            Low "low",
            /// Another.
            VeryHigh "very-high",
        }
    }

    #[test]
    fn every_form_has_the_same_names() {
        let names: Vec<&str> = Tone::ALL.iter().map(|tone| tone.as_str()).collect();
        assert_eq!(names, ["low", "very-high"]);
        for &tone in Tone::ALL {
            assert_eq!(serde_json::to_value(tone).unwrap(), tone.as_str());
            assert_eq!(serde_json::from_value::<Tone>(tone.as_str().into()).unwrap(), tone);
            assert_eq!((Tone::from_name(tone.as_str()), tone.to_string().as_str()), (Some(tone), tone.as_str()));
        }
        assert_eq!((Tone::from_name("VeryHigh"), Tone::from_name("")), (None, None));
        assert!(serde_json::from_value::<Tone>("VeryHigh".into()).is_err());
        let schema = serde_json::to_value(Tone::schema()).unwrap();
        assert_eq!(schema["enum"], serde_json::json!(names));
        assert_eq!(schema["description"], "Something to try it with.");
    }

    #[test]
    fn numbers_are_those_of_the_binary_form() {
        for &kind in crate::event::EventKind::ALL {
            assert_eq!(minicbor::to_vec(kind).unwrap(), minicbor::to_vec(kind.number()).unwrap());
        }
    }
}
