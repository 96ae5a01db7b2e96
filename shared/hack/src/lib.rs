//! The features of the workspace below aws-sdk-ec2, held together; see `Cargo.toml`. There is no code here.
