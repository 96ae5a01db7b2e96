//! `archive-mail`: archives inbound mail in S3, with its attachments extracted and linked.
