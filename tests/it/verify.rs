//! `apimctl verify`: everything in one process, and over HTTPS against an emulator and a gateway in processes of their own.

mod drill;
mod live;
mod local;
mod processes;
