//! The lab, for scenarios.
