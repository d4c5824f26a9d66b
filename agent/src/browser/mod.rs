//! The only code that names `web-sys`, `js-sys` and `gloo-timers`. It knows the browser, and no signal.

pub mod clock;
pub mod hook;
mod object;
pub mod plain;
pub mod random;
pub mod storage;
pub mod timer;
pub mod upload;
