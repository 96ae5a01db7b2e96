//! `lamplighter deploy package`: for each function a zip that Lambda takes, its checksum and its bill of materials.
//!
//! The same programs and the same configuration give the same bytes, so an unchanged function is not deployed again.

mod archive;
mod bill_of_materials;
mod budget;
mod elf;

pub use archive::{CONFIG, program_of, sha256, zip};
pub use bill_of_materials::bill_of_materials;
pub use budget::budget;
pub use elf::{Architecture, check};
