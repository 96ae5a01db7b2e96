//! The command line, as a person and a script meet it: every command, flag, format and exit code of the interface.

mod commands;
mod exit_codes;
mod formats;
