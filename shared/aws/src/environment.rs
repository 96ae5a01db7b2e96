//! What a Lambda knows of itself: Lambda puts the role's keys, the region and the rest into environment variables.
//!
//! The SDK's own loader also looks for profiles and for the metadata services of machines and containers. A Lambda has
//! none of them, and what looks for them is 0.1 MB of each package.

use std::str::FromStr;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::sdk_config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use lamplighter_core::{Error, Result};

const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// Where variables are read: the process's own, or a test's.
#[derive(Clone, Copy, Debug)]
pub struct Variables {
    /// The value of a variable, if it is there.
    pub read: fn(&str) -> Option<String>,
}

impl Variables {
    /// The settings that every client starts with. Makes no call. A variable that is no value for its setting is an error:
    /// whoever asks for FIPS endpoints must not get others.
    ///
    /// Variables: <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>, those of endpoints, regions and
    /// checksums.
    pub(crate) fn builder(self, behavior: BehaviorVersion) -> Result<Builder> {
        let ignores_endpoints = self.parsed("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")? == Some(true);
        let mut builder = SdkConfig::builder()
            .behavior_version(behavior)
            .credentials_provider(SharedCredentialsProvider::new(
                EnvironmentVariableCredentialsProvider::new(),
            ))
            .identity_cache(IdentityCache::lazy().build())
            .request_checksum_calculation(
                self.parsed("AWS_REQUEST_CHECKSUM_CALCULATION")?
                    .unwrap_or(RequestChecksumCalculation::WhenSupported),
            )
            .response_checksum_validation(
                self.parsed("AWS_RESPONSE_CHECKSUM_VALIDATION")?
                    .unwrap_or(ResponseChecksumValidation::WhenSupported),
            )
            .service_config(OfService {
                variables: self,
                ignores_endpoints,
            });
        let region = self
            .variable("AWS_REGION")
            .or_else(|| self.variable("AWS_DEFAULT_REGION"));
        builder.set_region(region.map(Region::new));
        builder.set_use_fips(self.parsed("AWS_USE_FIPS_ENDPOINT")?);
        builder.set_use_dual_stack(self.parsed("AWS_USE_DUALSTACK_ENDPOINT")?);
        if !ignores_endpoints {
            builder.set_endpoint_url(self.variable(ENDPOINT));
        }
        Ok(builder)
    }

    fn variable(self, name: &str) -> Option<String> {
        let value = (self.read)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn parsed<T: FromStr>(self, name: &str) -> Result<Option<T>> {
        let Some(value) = self.variable(name) else {
            return Ok(None);
        };
        match value.to_lowercase().parse() {
            Ok(parsed) => Ok(Some(parsed)),
            Err(_) => Err(Error::config(format!(
                "the environment variable `{name}` is `{value}`, which it cannot be"
            ))
            .hint("its values stand in the reference of settings of the AWS SDKs")),
        }
    }
}

/// Settings of one service: `AWS_ENDPOINT_URL_S3` before `AWS_ENDPOINT_URL`.
#[derive(Debug)]
struct OfService {
    variables: Variables,
    ignores_endpoints: bool,
}

impl LoadServiceConfig for OfService {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        if self.ignores_endpoints && key.env() == ENDPOINT {
            return None;
        }
        let service = key.service_id().to_uppercase().replace([' ', '-'], "_");
        self.variables
            .variable(&format!("{}_{service}", key.env()))
            .or_else(|| self.variables.variable(key.env()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(read: fn(&str) -> Option<String>) -> Result<SdkConfig> {
        let builder = Variables { read }.builder(crate::session::behavior())?;
        Ok(builder.build())
    }

    fn endpoint_of(config: &SdkConfig, service: &str) -> Option<String> {
        let key = ServiceConfigKey::builder()
            .service_id(service)
            .env(ENDPOINT)
            .profile("endpoint_url")
            .build()
            .expect("it has all its parts");
        config.service_config()?.load_config(key)
    }

    #[test]
    fn region_and_endpoints_are_those_of_the_environment() {
        let config = read(|name| match name {
            "AWS_REGION" => Some("eu-north-1".to_owned()),
            "AWS_DEFAULT_REGION" => Some("us-east-1".to_owned()),
            "AWS_ENDPOINT_URL" => Some("https://all.example".to_owned()),
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS" => Some("https://logs.example".to_owned()),
            "AWS_USE_FIPS_ENDPOINT" => Some(" TRUE ".to_owned()),
            "AWS_USE_DUALSTACK_ENDPOINT" => Some(String::new()),
            _ => None,
        });
        let config = config.expect("all of them can be");
        assert_eq!(config.region().map(Region::as_ref), Some("eu-north-1"));
        assert_eq!(config.endpoint_url(), Some("https://all.example"));
        assert_eq!(
            endpoint_of(&config, "CloudWatch Logs").as_deref(),
            Some("https://logs.example")
        );
        assert_eq!(
            endpoint_of(&config, "S3").as_deref(),
            Some("https://all.example")
        );
        assert_eq!(config.use_fips(), Some(true));
        assert_eq!(config.use_dual_stack(), None);
        assert_eq!(
            config.request_checksum_calculation(),
            Some(RequestChecksumCalculation::WhenSupported)
        );
    }

    #[test]
    fn endpoints_can_be_ignored() {
        let config = read(|name| match name {
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" => Some("true".to_owned()),
            name if name.starts_with(ENDPOINT) => Some("https://elsewhere.example".to_owned()),
            _ => None,
        });
        let config = config.expect("all of them can be");
        assert_eq!(config.endpoint_url(), None);
        assert_eq!(endpoint_of(&config, "S3"), None);
    }

    #[test]
    fn who_asks_for_fips_with_a_wrong_word_is_told() {
        let refused =
            read(|name| (name == "AWS_USE_FIPS_ENDPOINT").then(|| "yes".to_owned())).err();
        let refused = refused.map(|error| error.to_string());
        assert_eq!(
            refused.as_deref(),
            Some("the environment variable `AWS_USE_FIPS_ENDPOINT` is `yes`, which it cannot be")
        );
    }
}
