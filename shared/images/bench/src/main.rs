//! What the function does with an image, as a program: `bench-resize-images FILE PREFIX [TIMES]` writes `PREFIX-WIDTH.jpg`
//! for each width, and with TIMES does it so often and prints how long one took.

use std::process::ExitCode;
use std::time::Instant;

use lamplighter_images::{Format, Limits, Wish, resize};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, prefix, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: bench-resize-images FILE PREFIX [TIMES]");
        return ExitCode::from(2);
    };
    let times: u32 = rest.first().and_then(|times| times.parse().ok()).unwrap_or(1);
    let wish = Wish {
        widths: vec![480, 640, 1000],
        format: Some(Format::Jpeg),
        quality: 80,
        background: [255; 3],
        keeps_rights: false,
        limits: Limits {
            max_megapixels: 200,
            memory_bytes: 1_700_000_000,
        },
    };
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("{file}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let began = Instant::now();
    for round in 1..=times {
        let resized = match resize(&bytes, &wish) {
            Ok(resized) => resized,
            Err(refusal) => {
                eprintln!("{file} {refusal}");
                return ExitCode::FAILURE;
            }
        };
        if round < times {
            continue;
        }
        for copy in resized.copies {
            let written = match copy.file {
                Ok(file) => std::fs::write(format!("{prefix}-{}.jpg", copy.wanted), &file),
                Err(refusal) => Err(std::io::Error::other(refusal)),
            };
            if let Err(error) = written {
                eprintln!("{prefix}-{}.jpg: {error}", copy.wanted);
                return ExitCode::FAILURE;
            }
        }
    }
    if times > 1 {
        println!("{:.1} ms", began.elapsed().as_secs_f64() * 1000.0 / f64::from(times));
    }
    ExitCode::SUCCESS
}
