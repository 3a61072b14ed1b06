//! Real tools, where they are installed.
