//! The command that restores a revoked rule. Descriptions and tags are text that anybody with access to the account
//! may have written, and this text goes into somebody's shell: so it holds nothing but printable ASCII, and no single
//! quote, between single quotes.

use serde_json::{Map, Value, json};

use crate::group::{Rule, Source};

/// `aws ec2 authorize-security-group-ingress …`, with description and tags; `None` where no command could restore it.
pub fn restore(region: &str, group: &str, rule: &Rule) -> Option<String> {
    if !is_plain(region) || !is_plain(group) {
        return None;
    }
    let mut permission = Map::new();
    permission.insert("IpProtocol".to_owned(), json!(rule.protocol));
    // Only these have ports, or types and codes; EC2 shows -1 for all others and takes none.
    if matches!(rule.protocol.as_str(), "tcp" | "udp" | "icmp" | "icmpv6") {
        permission.insert("FromPort".to_owned(), json!(rule.from_port?));
        permission.insert("ToPort".to_owned(), json!(rule.to_port?));
    }
    let (list, name, value) = match &rule.source {
        Source::Cidr(cidr) if cidr.contains(':') => ("Ipv6Ranges", "CidrIpv6", cidr),
        Source::Cidr(cidr) => ("IpRanges", "CidrIp", cidr),
        Source::PrefixList(id) => ("PrefixListIds", "PrefixListId", id),
        Source::Group(_) | Source::Unknown => return None,
    };
    let mut source = Map::new();
    source.insert(name.to_owned(), json!(value));
    if let Some(description) = &rule.description {
        source.insert("Description".to_owned(), json!(description));
    }
    permission.insert(list.to_owned(), json!([source]));
    let mut command = format!(
        "aws ec2 authorize-security-group-ingress --region {region} --group-id {group} --ip-permissions {}",
        quoted(&json!([permission]))
    );
    // Nobody but AWS can set its own tags.
    let tags: Vec<Value> = rule
        .tags
        .iter()
        .filter(|(key, _)| !key.starts_with("aws:"))
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect();
    if !tags.is_empty() {
        let specification = json!([{ "ResourceType": "security-group-rule", "Tags": tags }]);
        command.push_str(&format!(" --tag-specifications {}", quoted(&specification)));
    }
    Some(command)
}

/// Whether a word needs no quotes in a shell.
fn is_plain(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !word.starts_with('-')
}

/// JSON between single quotes. A single quote, and whatever is not printable ASCII, becomes a JSON escape: it can only
/// stand inside of a string, where that means the same.
fn quoted(value: &Value) -> String {
    let mut text = String::from("'");
    for letter in value.to_string().chars() {
        match letter {
            '\'' | '\u{7f}'.. => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
            letter => text.push(letter),
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    fn rule(protocol: &str, from: i32, to: i32, source: Source) -> Rule {
        Rule {
            id: "sgr-1".to_owned(),
            protocol: protocol.to_owned(),
            from_port: Some(from),
            to_port: Some(to),
            source,
            description: None,
            tags: BTreeMap::new(),
        }
    }

    fn cidr(text: &str) -> Source {
        Source::Cidr(text.to_owned())
    }

    #[test]
    fn every_kind_of_rule_can_be_restored() {
        let mut described = rule("tcp", 22, 22, cidr("0.0.0.0/0"));
        described.description = Some("it's Kim's \u{202e}`id`\n".to_owned());
        described.tags.insert("owner".to_owned(), "kim".to_owned());
        described
            .tags
            .insert("aws:cloudformation:stack-name".to_owned(), "x".to_owned());
        let rules = [
            described,
            rule("-1", -1, -1, cidr("::/0")),
            rule("icmp", 8, -1, cidr("0.0.0.0/0")),
            rule("47", -1, -1, cidr("0.0.0.0/0")),
            rule("udp", 1, 9, Source::PrefixList("pl-1".to_owned())),
        ];
        let commands: Vec<String> = rules
            .iter()
            .map(|rule| restore("eu-west-1", "sg-1", rule).expect("a command"))
            .collect();
        expect![[r#"
            aws ec2 authorize-security-group-ingress --region eu-west-1 --group-id sg-1 --ip-permissions '[{"FromPort":22,"IpProtocol":"tcp","IpRanges":[{"CidrIp":"0.0.0.0/0","Description":"it\u0027s Kim\u0027s \u202e`id`\n"}],"ToPort":22}]' --tag-specifications '[{"ResourceType":"security-group-rule","Tags":[{"Key":"owner","Value":"kim"}]}]'
            aws ec2 authorize-security-group-ingress --region eu-west-1 --group-id sg-1 --ip-permissions '[{"IpProtocol":"-1","Ipv6Ranges":[{"CidrIpv6":"::/0"}]}]'
            aws ec2 authorize-security-group-ingress --region eu-west-1 --group-id sg-1 --ip-permissions '[{"FromPort":8,"IpProtocol":"icmp","IpRanges":[{"CidrIp":"0.0.0.0/0"}],"ToPort":-1}]'
            aws ec2 authorize-security-group-ingress --region eu-west-1 --group-id sg-1 --ip-permissions '[{"IpProtocol":"47","IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]'
            aws ec2 authorize-security-group-ingress --region eu-west-1 --group-id sg-1 --ip-permissions '[{"FromPort":1,"IpProtocol":"udp","PrefixListIds":[{"PrefixListId":"pl-1"}],"ToPort":9}]'"#]].assert_eq(&commands.join("\n"));
        assert_eq!(
            restore(
                "eu-west-1",
                "sg-1",
                &rule("tcp", 1, 1, Source::Group("sg-2".to_owned()))
            ),
            None
        );
        assert_eq!(restore("eu-west-1; id", "sg-1", &rules[0]), None);
    }

    proptest! {
        /// A shell reads the text between single quotes to the letter, and JSON gives the description back.
        #[test]
        fn no_description_leaves_its_quotes(description in "\\PC*|[\u{0}-\u{1f}'\"\\\\$`!\u{7f}]*") {
            let mut hostile = rule("tcp", 22, 22, cidr("0.0.0.0/0"));
            hostile.description = Some(description.clone());
            let command = restore("eu-west-1", "sg-1", &hostile).expect("a command");
            prop_assert!(command.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{}", command);
            let parts: Vec<&str> = command.split('\'').collect();
            prop_assert_eq!(parts.len(), 3);
            let read: Value = serde_json::from_str(parts[1]).expect("JSON");
            prop_assert_eq!(read[0]["IpRanges"][0]["Description"].as_str(), Some(description.as_str()));
        }
    }
}
