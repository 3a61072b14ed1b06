use std::str::FromStr;

/// `NAME=VALUE`, or `NAME` for the value of the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildArg {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Why a text is no build argument.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildArgError {
    /// The name is none that a Dockerfile could declare.
    #[error("a build argument is NAME=VALUE, with a name of letters, digits and underscores")]
    Name,
    /// Only a name, and no such variable.
    #[error("the variable {name} is not set; give the value with {name}=VALUE")]
    Unset {
        /// The name.
        name: String,
    },
}

impl FromStr for BuildArg {
    type Err = BuildArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty()
            || name.starts_with(|c: char| c.is_ascii_digit())
            || !name.chars().all(word)
        {
            return Err(BuildArgError::Name);
        }
        let value = value.or_else(|| std::env::var(name).ok());
        Ok(Self {
            name: name.to_owned(),
            value: value.ok_or_else(|| BuildArgError::Unset { name: name.into() })?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_anything_and_a_name_may_not() {
        let read = |text: &str| text.parse::<BuildArg>();
        assert_eq!(read("A_1=x=y z").unwrap().value, "x=y z");
        assert_eq!(read("A=").unwrap().value, "");
        assert_eq!(read("PATH").unwrap().name, "PATH");
        assert_eq!(read("=x"), Err(BuildArgError::Name));
        assert_eq!(read("a-b=x"), Err(BuildArgError::Name));
        assert!(matches!(
            read("SURELY_NOT_SET"),
            Err(BuildArgError::Unset { .. })
        ));
    }
}
