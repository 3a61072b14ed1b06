//! Arguments and wiring of the command.
