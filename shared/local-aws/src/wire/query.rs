//! Parameters of the query protocol: `InstanceId.1=i-1&Filter.1.Name=tag-key&Filter.1.Value.1=Owner`.

/// Parameters, in the order they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(text: &[u8]) -> Params {
        Params(form_urlencoded::parse(text).into_owned().collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// The values of `name.1`, `name.2`, …, in the order of their numbers.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let mut found: Vec<(usize, &str)> = self
            .under(name)
            .filter_map(|(rest, value)| Some((rest.parse().ok()?, value)))
            .collect();
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, value)| value).collect()
    }

    /// The parameters under `name.1.`, under `name.2.`, …, each without that beginning.
    pub(crate) fn groups(&self, name: &str) -> Vec<Params> {
        let mut groups = std::collections::BTreeMap::<usize, Params>::new();
        for (rest, value) in self.under(name) {
            if let Some((number, key)) = rest.split_once('.')
                && let Ok(number) = number.parse()
            {
                groups
                    .entry(number)
                    .or_default()
                    .0
                    .push((key.to_owned(), value.to_owned()));
            }
        }
        groups.into_values().collect()
    }

    fn under<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(key, value)| {
            Some((key.strip_prefix(name)?.strip_prefix('.')?, value.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_follow_their_numbers_not_their_place() {
        let params = Params::parse(b"Id.10=c&Id.2=b&Id.1=a&Ideal.1=no&Id=no");
        assert_eq!(params.list("Id"), ["a", "b", "c"]);
    }

    #[test]
    fn groups_are_parameters_again() {
        let params =
            Params::parse(b"Filter.1.Name=tag%3AOwner&Filter.1.Value.1=a+b&Filter.2.Name=x");
        let filters = params.groups("Filter");
        assert_eq!(filters.len(), 2);
        assert_eq!(filters[0].get("Name"), Some("tag:Owner"));
        assert_eq!(filters[0].list("Value"), ["a b"]);
    }
}
