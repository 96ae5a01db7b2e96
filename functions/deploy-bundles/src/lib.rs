//! `deploy-bundles`: a new bundle in S3 starts a CodeDeploy deployment.
