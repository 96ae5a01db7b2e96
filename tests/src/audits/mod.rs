//! What holds for all scheduled functions alike: what each fault leaves behind, and what each level may touch.

mod faults;
mod levels;
mod matrix;
pub mod worlds;
