//! What `check --print` shows, and that it can be loaded again.

use expect_test::expect;

use super::good;
use crate::Flag;

const FILE: &str = r#"
[aws]
accounts = [
  { id = "123456789012", role = "arn:aws:iam::123456789012:role/a", external_id = "the-external-id" },
  { id = "210987654321", role = "arn:aws:iam::210987654321:role/b", regions = ["all"] },
]
[report]
from = "Ops \"on call\" <ops@example.com>"
to = ["a@example.com"]
[stop-untagged]
allowed_values = { cost_center = '\d{4}', "a b" = "it's \\d", stage = "dev|prod" }
owner_tags = []
mail = "always"
[daemon]
token = "the-token"
"#;

#[test]
fn every_key_is_printed_with_its_origin_and_without_secrets() {
    let environment = [("LAMPLIGHTER_STOP_UNTAGGED__GRACE_HOURS", "0")];
    let flags = [Flag::regions(&["eu-west-1".to_owned()])];
    expect![[r##"
        [aws]
        regions = ["eu-west-1"] # flag --region
        account_alias = "" # default
        concurrency = 4 # default
        max_attempts = 6 # default
        attempt_timeout_secs = 20 # default

        [[aws.accounts]] # lamplighter.toml:4
        id = "123456789012" # lamplighter.toml:4
        role = "arn:aws:iam::123456789012:role/a" # lamplighter.toml:4
        external_id = "***" # lamplighter.toml:4

        [[aws.accounts]] # lamplighter.toml:5
        id = "210987654321" # lamplighter.toml:5
        role = "arn:aws:iam::210987654321:role/b" # lamplighter.toml:5
        regions = ["all"] # lamplighter.toml:5

        [state]
        url = "" # default

        [report]
        from = "Ops \"on call\" <ops@example.com>" # lamplighter.toml:8
        to = ["a@example.com"] # lamplighter.toml:9
        mail = "changes" # default
        digest_day = "mon" # default
        to_owners = true # default
        webhook = "" # default
        topic = "" # default

        [stop-untagged]
        mode = "plan" # default
        schedule = "rate(1 hour)" # default
        zone = "UTC" # default
        role = "" # default
        memory_mb = 256 # default
        timeout_secs = 900 # default
        missed = "once" # default
        missed_grace_minutes = 60 # default
        overlap = "skip" # default
        spread_minutes = 0 # default
        retries = 0 # default
        required_tags = ["cost_center"] # default
        allowed_values = { "a b" = "it's \\d", cost_center = '\d{4}', stage = "dev|prod" } # lamplighter.toml:11
        case_sensitive = true # default
        action = "stop" # default
        grace_hours = 0 # environment LAMPLIGHTER_STOP_UNTAGGED__GRACE_HOURS
        min_age_hours = 1 # default
        max_actions = 20 # default
        max_percent = 30 # default
        max_untagged_jump_percent = 20 # default
        min_population = 1 # default
        exempt_tags = ["lamplighter:keep-until"] # default
        owner_tags = [] # lamplighter.toml:12
        owner_domains = [] # default
        work_hours = "" # default
        work_hours_zone = "UTC" # default
        work_days = ["mon", "tue", "wed", "thu", "fri"] # default
        probe_permissions = false # default
        mail = "always" # lamplighter.toml:13
        # to = ["a@example.com"] # from [report], lamplighter.toml:9

        [audit-mfa]
        mode = "plan" # default
        schedule = "rate(6 hours)" # default
        zone = "UTC" # default
        role = "" # default
        memory_mb = 256 # default
        timeout_secs = 900 # default
        missed = "once" # default
        missed_grace_minutes = 60 # default
        overlap = "skip" # default
        spread_minutes = 0 # default
        retries = 0 # default
        remediate = "none" # default
        warned_days = 7 # default
        virtual_mfa_for_admin = false # default
        report_timeout_secs = 60 # default
        max_actions = 20 # default
        max_percent = 30 # default
        min_population = 1 # default
        owner_tags = ["owner", "Owner", "email"] # default
        owner_domains = [] # default
        # mail = "changes" # from [report], default
        # to = ["a@example.com"] # from [report], lamplighter.toml:9

        [audit-access-keys]
        mode = "plan" # default
        schedule = "rate(1 day)" # default
        zone = "UTC" # default
        role = "" # default
        memory_mb = 256 # default
        timeout_secs = 900 # default
        missed = "once" # default
        missed_grace_minutes = 60 # default
        overlap = "skip" # default
        spread_minutes = 0 # default
        retries = 0 # default
        max_age_days = 90 # default
        unused_days = 90 # default
        never_used_days = 7 # default
        two_keys_days = 14 # default
        remediate = "none" # default
        warned_days = 7 # default
        report_timeout_secs = 60 # default
        max_actions = 20 # default
        max_percent = 30 # default
        min_population = 1 # default
        owner_tags = ["owner", "Owner", "email"] # default
        owner_domains = [] # default
        # mail = "changes" # from [report], default
        # to = ["a@example.com"] # from [report], lamplighter.toml:9

        [audit-security-groups]
        mode = "plan" # default
        schedule = "rate(1 day)" # default
        zone = "UTC" # default
        role = "" # default
        memory_mb = 256 # default
        timeout_secs = 900 # default
        missed = "once" # default
        missed_grace_minutes = 60 # default
        overlap = "skip" # default
        spread_minutes = 0 # default
        retries = 0 # default
        allowed_public_ports = [80, 443] # default
        allowed_public_udp_ports = [] # default
        sensitive_ports = ["ssh", "rdp", "mysql", "postgresql", "mssql", "oracle", "mongodb", "redis", "memcached", "elasticsearch", "cassandra", "kafka", "zookeeper", "etcd", "docker", "kubelet", "winrm", "vnc", "smb", "rpc", "nfs", "ldap", "telnet", "ftp", "rsync", "tftp", "snmp"] # default
        public_share = 10 # default
        remediate = "none" # default
        max_actions = 20 # default
        max_percent = 30 # default
        min_population = 1 # default
        # mail = "changes" # from [report], default
        # to = ["a@example.com"] # from [report], lamplighter.toml:9

        [report-certificates]
        mode = "plan" # default
        schedule = "cron(0 6 ? * MON *)" # default
        zone = "UTC" # default
        role = "" # default
        memory_mb = 256 # default
        timeout_secs = 900 # default
        missed = "once" # default
        missed_grace_minutes = 60 # default
        overlap = "skip" # default
        spread_minutes = 0 # default
        retries = 0 # default
        warn_days = 45 # default
        iam = true # default
        acm = true # default
        files = [] # default
        file_passwords = {} # default
        endpoints = [] # default
        endpoint_addresses = "all" # default
        endpoint_timeout_secs = 10 # default
        # mail = "changes" # from [report], default
        # to = ["a@example.com"] # from [report], lamplighter.toml:9

        [deploy-bundles]
        mode = "apply" # default
        schedule = "rate(5 minutes)" # default
        zone = "UTC" # default
        role = "" # default
        memory_mb = 256 # default
        timeout_secs = 300 # default
        missed = "once" # default
        missed_grace_minutes = 60 # default
        overlap = "skip" # default
        spread_minutes = 0 # default
        retries = 0 # default
        sources = [] # default
        queues = [] # default
        use_object_metadata = true # default
        groups = {} # default
        pending_hours = 12 # default
        max_scan_mb = 256 # default
        # mail = "changes" # from [report], default
        # to = ["a@example.com"] # from [report], lamplighter.toml:9

        [archive-mail]
        mode = "apply" # default
        schedule = "cron(0 7 * * ? *)" # default
        zone = "UTC" # default
        role = "" # default
        memory_mb = 256 # default
        timeout_secs = 300 # default
        missed = "once" # default
        missed_grace_minutes = 60 # default
        overlap = "skip" # default
        spread_minutes = 0 # default
        retries = 0 # default
        sources = [] # default
        queues = [] # default
        archive_bucket = "" # default
        archive_prefix = "mail/" # default
        attachment_threshold_bytes = 65536 # default
        recipients = [] # default
        allow_senders = [] # default
        on_spam = "quarantine" # default
        on_virus = "quarantine" # default
        on_gray = "quarantine" # default
        on_unscanned = "keep" # default
        on_unauthenticated = "quarantine" # default
        on_unknown_sender = "quarantine" # default
        links = "console" # default
        link_url = "" # default
        link_days = 7 # default
        max_mail_mb = 45 # default
        max_parts = 1000 # default
        max_depth = 32 # default
        max_header_kb = 256 # default
        max_decoded_ratio = 8 # default
        forward_to = [] # default
        forward_from = "" # default
        forward_max_mb = 10 # default
        # mail = "changes" # from [report], default
        # to = ["a@example.com"] # from [report], lamplighter.toml:9

        [resize-images]
        mode = "apply" # default
        schedule = "cron(0 7 * * ? *)" # default
        zone = "UTC" # default
        role = "" # default
        memory_mb = 1769 # default
        timeout_secs = 300 # default
        missed = "once" # default
        missed_grace_minutes = 60 # default
        overlap = "skip" # default
        spread_minutes = 0 # default
        retries = 0 # default
        sources = [] # default
        queues = [] # default
        widths = [480, 640, 1000] # default
        output_bucket = "" # default
        output_prefix = "resized/" # default
        format = "same" # default
        quality = 80 # default
        background = "#ffffff" # default
        keep_copyright = false # default
        cache_control = "" # default
        remove_copies = false # default
        max_source_megapixels = 200 # default
        max_source_bytes = 134217728 # default
        # mail = "changes" # from [report], default
        # to = ["a@example.com"] # from [report], lamplighter.toml:9

        [daemon]
        state_dir = "/var/lib/lamplighter" # default
        max_runs = 8 # default
        max_deliveries = 4 # default
        drain_secs = 25 # default
        http = "" # default
        ping_url = "" # default
        token = "***" # lamplighter.toml:15
    "##]].assert_eq(&good(FILE, &environment, &flags).print());
}

#[test]
fn what_is_printed_loads_as_the_same_config() {
    let example = include_str!("../../../../config/lamplighter.example.toml");
    for file in ["", example, FILE] {
        let config = good(file, &[], &[]);
        // The secrets are the only thing that has to be put back.
        let printed = config
            .print()
            .replace("external_id = \"***\"", "external_id = \"the-external-id\"")
            .replace("token = \"***\"", "token = \"the-token\"");
        let again = good(&printed, &[], &[]);
        assert_eq!(again.aws, config.aws);
        assert_eq!(again.state, config.state);
        assert_eq!(again.report, config.report);
        assert_eq!(again.stop_untagged, config.stop_untagged);
        assert_eq!(again.audit_security_groups, config.audit_security_groups);
        assert_eq!(again.daemon, config.daemon);
        assert_eq!(
            again.mail_of("stop-untagged"),
            config.mail_of("stop-untagged")
        );
    }
}

#[test]
fn every_key_of_the_defaults_is_printed() {
    let printed = good("", &[], &[]).print();
    for line in crate::DEFAULT.lines() {
        if let Some((key, _)) = line.split_once(" = ")
            && !key.starts_with('#')
        {
            assert!(printed.contains(&format!("\n{key} = ")), "{key}");
        }
    }
}

#[test]
fn control_characters_in_values_and_names_stay_in_their_line() {
    let environment = [(
        "LAMPLIGHTER_STOP_UNTAGGED__SCHEDULE",
        "rate(1 hour)\n# \u{7f}\"\\'",
    )];
    let printed = good("", &environment, &[]).print();
    let again = good(&printed, &[], &[]);
    assert_eq!(
        again.stop_untagged.common.schedule,
        "rate(1 hour)\n# \u{7f}\"\\'"
    );
}
