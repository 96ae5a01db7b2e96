//! The bill as a table and as JSON.

use serde_json::{Value, json};

use super::estimate::{Estimate, Options, Work, grouped};
use super::prices::Prices;

/// The bill as a table.
pub fn table(work: &[Work], estimate: &Estimate, prices: &Prices, options: Options) -> String {
    let mut text = format!(
        "A month, in US dollars; prices of {} for {}, {}.\n\n",
        prices.date,
        prices.region,
        match options.free_tier {
            true => "with the account's whole free tier",
            false => "without a free tier",
        }
    );
    for work in work {
        text.push_str(&format!(
            "  {:<24} {} runs of {} ms ({}) with {} MB\n",
            work.name,
            grouped(work.runs.into()),
            grouped(work.duration.ms().into()),
            work.duration.origin(),
            grouped(work.memory_mb.into())
        ));
    }
    text.push('\n');
    for line in &estimate.lines {
        text.push_str(&format!(
            "  {:<12} {:>12}  {}\n",
            line.what,
            line.cost.cents(),
            line.amount
        ));
    }
    text.push_str(&format!(
        "  {:<12} {:>12}\n\n",
        "total",
        estimate.total.cents()
    ));
    text.push_str(&format!(
        "  {:<12} {:>12}  {} more, with their schedules and log lines; off by default, saves at most {} of init\n",
        estimate.keep_warm.what,
        estimate.keep_warm.cost.cents(),
        estimate.keep_warm.amount,
        estimate.keep_warm_saves.cents()
    ));
    text.push_str(&format!(
        "  {:<12} {:>12}  one {} with disk and address, running the daemon\n",
        "ec2",
        estimate.ec2.cents(),
        prices.ec2.instance
    ));
    text.push_str(&match estimate.break_even {
        Some(runs) => format!(
            "\nBreak-even: {} runs like these a month cost as much as the machine (requests and compute, no free tier).\n",
            grouped(runs)
        ),
        None => "\nNothing runs, so there is no break-even.\n".to_owned(),
    });
    text
}

/// The bill for machines. Amounts are text, so that no reader turns them into floats.
pub fn json(work: &[Work], estimate: &Estimate, prices: &Prices, options: Options) -> String {
    let functions: Vec<Value> = work
        .iter()
        .map(|work| {
            json!({
                "function": work.name, "runs": work.runs, "cold_starts": work.cold, "memory_mb": work.memory_mb,
                "duration_ms": work.duration.ms(), "duration": work.duration.origin(), "retries": work.retries,
            })
        })
        .collect();
    let lines: Vec<Value> = estimate
        .lines
        .iter()
        .map(|line| json!({ "what": line.what, "amount": line.amount, "cost_usd": line.cost.to_string() }))
        .collect();
    let bill = json!({
        "schema": "lamplighter/cost/v1",
        "prices": { "date": prices.date, "region": prices.region, "sources": prices.sources },
        "free_tier": options.free_tier,
        "functions": functions,
        "lines": lines,
        "total_usd": estimate.total.to_string(),
        "keep_warm": {
            "amount": estimate.keep_warm.amount,
            "cost_usd": estimate.keep_warm.cost.to_string(),
            "saves_at_most_usd": estimate.keep_warm_saves.to_string(),
        },
        "ec2": { "instance": prices.ec2.instance, "cost_usd": estimate.ec2.to_string() },
        "break_even_runs": estimate.break_even.map(|runs| u64::try_from(runs).unwrap_or(u64::MAX)),
    });
    format!("{bill:#}\n")
}
