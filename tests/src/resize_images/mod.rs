//! Images in S3 and their copies: what an upload, a replacement and a removal lead to, in any order and through any fault.

mod copies;
mod crashes;
mod faults;
mod guards;
mod moto;
mod queues;
mod refusals;
pub mod stage;
