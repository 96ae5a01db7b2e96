//! A CycloneDX bill of materials, from the Cargo.lock that this program was built with.
//!
//! Cargo.lock says what a crate may need on any platform and in its own tests, not what ended up in one program. So the
//! list is an upper bound, and says so: nothing that is in the program is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::archive::sha256;

/// The versions that this program, and so everything of its workspace, was built with.
const LOCK: &str = include_str!("../../../../../Cargo.lock");

#[derive(Debug, Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Debug, Clone, Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// The bill of materials of a function's zip.
pub fn bill_of_materials(function: &str, zip_sha256: &str) -> Result<String, String> {
    of_lock(LOCK, function, zip_sha256)
}

fn of_lock(lock: &str, function: &str, zip_sha256: &str) -> Result<String, String> {
    let lock: Lock = toml::from_str(lock).map_err(|error| format!("Cargo.lock: {error}"))?;
    let root = lock
        .package
        .iter()
        .find(|package| package.name == function && package.source.is_none())
        .ok_or_else(|| format!("Cargo.lock has no package `{function}`"))?;
    let closure = closure(&lock, root)?;
    let components: Vec<Value> = closure
        .values()
        .filter(|package| reference(package) != reference(root))
        .map(|package| component(package))
        .collect();
    let dependencies: Vec<Value> = closure
        .values()
        .map(|package| {
            let on = package.dependencies.iter();
            let on: BTreeSet<String> = on
                .filter_map(|name| resolve(&lock, name))
                .map(reference)
                .collect();
            json!({ "ref": reference(package), "dependsOn": on })
        })
        .collect();
    let mut bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "bom-ref": reference(root),
                "type": "application",
                "name": root.name,
                "version": root.version,
                "hashes": [{ "alg": "SHA-256", "content": zip_sha256 }],
            },
            "tools": { "components": [{ "type": "application", "name": "lamplighter", "version": env!("CARGO_PKG_VERSION") }] },
            "properties": [{
                "name": "lamplighter:scope",
                "value": "upper bound: all that Cargo.lock names below this function, for any platform, with build tools and tests"
            }],
        },
        "components": components,
        "dependencies": dependencies,
    });
    // No time and no random number: the same function has the same bill, byte for byte.
    bill["serialNumber"] = json!(serial_number(&sha256(bill.to_string().as_bytes())));
    Ok(format!("{bill:#}\n"))
}

/// Everything below `root`, by name and version.
fn closure<'a>(lock: &'a Lock, root: &'a Package) -> Result<BTreeMap<String, &'a Package>, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root];
    while let Some(package) = waiting.pop() {
        if found.insert(reference(package), package).is_some() {
            continue;
        }
        for name in &package.dependencies {
            waiting.push(
                resolve(lock, name).ok_or_else(|| format!("Cargo.lock has no package `{name}`"))?,
            );
        }
    }
    Ok(found)
}

/// `name`, `name version` or `name version (source)`: as short as it is unambiguous.
fn resolve<'a>(lock: &'a Lock, dependency: &str) -> Option<&'a Package> {
    let mut words = dependency.split(' ');
    let (name, version) = (words.next()?, words.next());
    lock.package.iter().find(|package| {
        package.name == name && version.is_none_or(|version| version == package.version)
    })
}

/// A package URL. <https://github.com/package-url/purl-spec>
fn reference(package: &Package) -> String {
    format!(
        "pkg:cargo/{}@{}",
        package.name,
        package.version.replace('+', "%2B")
    )
}

fn component(package: &Package) -> Value {
    let mut component = json!({
        "bom-ref": reference(package),
        "type": "library",
        "name": package.name,
        "version": package.version,
        "purl": reference(package),
    });
    if let Some(checksum) = &package.checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

/// A UUID of version 8, which is for numbers made in one's own way, of a hash.
fn serial_number(hash: &str) -> String {
    format!(
        "urn:uuid:{}-{}-8{}-8{}-{}",
        &hash[..8],
        &hash[8..12],
        &hash[13..16],
        &hash[17..20],
        &hash[20..32]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
version = 4
[[package]]
name = "stop"
version = "0.1.0"
dependencies = ["a", "b 2.0.0"]
[[package]]
name = "a"
version = "1.0.0+x"
source = "registry+https://example.com"
checksum = "aa"
dependencies = ["b 1.0.0"]
[[package]]
name = "b"
version = "1.0.0"
source = "registry+https://example.com"
[[package]]
name = "b"
version = "2.0.0"
source = "registry+https://example.com"
dependencies = ["a"]
[[package]]
name = "other"
version = "9.0.0"
"#;

    #[test]
    fn the_bill_holds_what_is_below_the_function_and_nothing_else() {
        let bill = of_lock(SMALL, "stop", "cc").expect("a bill");
        let value: Value = serde_json::from_str(&bill).expect("JSON");
        let names: Vec<&str> = value["components"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|component| component["purl"].as_str().expect("a purl"))
            .collect();
        assert_eq!(
            names,
            [
                "pkg:cargo/a@1.0.0%2Bx",
                "pkg:cargo/b@1.0.0",
                "pkg:cargo/b@2.0.0"
            ]
        );
        assert_eq!(value["metadata"]["component"]["name"], "stop");
        assert_eq!(value["components"][0]["hashes"][0]["content"], "aa");
        assert_eq!(
            value["dependencies"][0]["dependsOn"],
            json!(["pkg:cargo/b@1.0.0"])
        );
        assert_eq!(bill, of_lock(SMALL, "stop", "cc").expect("a bill"));
        assert_ne!(bill, of_lock(SMALL, "stop", "dd").expect("a bill"));
        assert!(of_lock(SMALL, "nobody", "cc").is_err());
    }

    #[test]
    fn the_serial_number_is_a_uuid() {
        let number = serial_number(&sha256(b"x"));
        let parts: Vec<usize> = number["urn:uuid:".len()..]
            .split('-')
            .map(str::len)
            .collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
    }
}
