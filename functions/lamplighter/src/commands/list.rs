//! `lamplighter list`: every function, and how it is configured.

use lamplighter_report::Format;
use serde_json::json;

use crate::cli::Globals;
use crate::commands::load;
use crate::output;
use crate::{Failure, functions};

pub(super) fn run(globals: &Globals) -> Result<u8, Failure> {
    let config = load(globals, vec![])?;
    let rows: Vec<serde_json::Value> = functions::all()
        .iter()
        .filter_map(|entry| {
            let section = config.section(entry.name)?;
            Some(json!({
                "function": entry.name,
                "trigger": entry.trigger,
                "mode": section.mode.to_string(),
                "schedule": section.schedule,
                "zone": section.zone.name(),
                "configured": config.is_configured(entry.name),
                "changes": entry.changes,
            }))
        })
        .collect();
    let text = match globals.format {
        Format::Json => format!("{:#}\n", json!(rows)),
        Format::Jsonl => rows.iter().map(|row| format!("{row}\n")).collect(),
        _ => table(&rows),
    };
    output::text(&text, globals)?;
    Ok(0)
}

fn table(rows: &[serde_json::Value]) -> String {
    const HEAD: [&str; 6] = [
        "FUNCTION",
        "TRIGGER",
        "MODE",
        "SCHEDULE",
        "CONFIGURED",
        "CHANGES",
    ];
    let mut lines: Vec<[String; 6]> = vec![HEAD.map(str::to_owned)];
    for row in rows {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let configured = if row["configured"] == true {
            "yes"
        } else {
            "no"
        };
        let [function, trigger, mode, schedule, changes] =
            ["function", "trigger", "mode", "schedule", "changes"].map(text);
        lines.push([
            function,
            trigger,
            mode,
            schedule,
            configured.to_owned(),
            changes,
        ]);
    }
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| {
            lines
                .iter()
                .map(|line| line[column].len())
                .max()
                .unwrap_or_default()
        })
        .collect();
    let mut table = String::new();
    for line in &lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        table.push_str(cells.join("  ").trim_end());
        table.push('\n');
    }
    table
}
