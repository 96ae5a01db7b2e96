//! The parts of a run that is not over. The last one puts them together; a lifecycle rule on `parts/` may expire them
//! after a day.

use lamplighter_core::{Error, Result, Run};

use super::{StateReader, StateWriter};

fn key(function: &str, chain: &str, number: u32) -> String {
    format!("parts/{function}/{chain}/{number}.json")
}

impl StateReader {
    /// The parts before `number`, in their order. One that is missing is an error: without it the run would look as if
    /// it had seen everything.
    pub async fn parts(&self, function: &str, chain: &str, number: u32) -> Result<Vec<Run>> {
        let mut parts = Vec::new();
        for earlier in 1..number {
            let key = key(function, chain, earlier);
            let found = self.document::<Run>(&key).await?.ok_or_else(|| {
                Error::permanent(format!(
                    "part {earlier} of the run {chain} is not in the state"
                ))
            })?;
            parts.push(found.document);
        }
        Ok(parts)
    }
}

impl StateWriter {
    /// Keeps a part until the last one.
    pub async fn keep_part(&self, run: &Run) -> Result<()> {
        let Some(part) = &run.part else {
            return Ok(());
        };
        let bytes = serde_json::to_vec(&run.problems_only())
            .map_err(|error| Error::permanent("cannot write a part of the run").caused_by(error))?;
        self.put(&key(&run.function, &part.chain, part.number), bytes)
            .await
    }
}
