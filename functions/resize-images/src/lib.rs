//! `resize-images`: an image in S3 gets resized copies.
