//! Whatever is in the file: an answer, never a panic, and no secret in it.

use super::*;

/// A small generator, so that a failure can be repeated from its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap_or(0)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const PIECES: [&str; 62] = [
    "accounts",
    "routes",
    "network",
    "timezone",
    "data_dir",
    "channel",
    "toots",
    "videos",
    "platform",
    "instance",
    "handle",
    "token",
    "token_file",
    "token_command",
    "from",
    "to",
    "on",
    "schedule",
    "since",
    "visibility",
    "allow",
    "hashtags",
    "settle",
    "jitter",
    "\"peertube\"",
    "\"mastodon\"",
    "\"https://a.example\"",
    "\"s3cret\"",
    "\"*/15 * * * *\"",
    "\"2026-01-31\"",
    "2026-01-31",
    "= ",
    "= ",
    "= ",
    "= ",
    ".",
    ".",
    "\n",
    "\n",
    "\n",
    "\n",
    "[",
    "]",
    "[",
    "]",
    "[[",
    "]]",
    "{ ",
    " }",
    ", ",
    "12345",
    "-1",
    "1e400",
    "true",
    "nan",
    "\"\"\"",
    "'",
    "\"",
    "\\",
    "\u{0}",
    "\u{202e}ä🦀",
    "# \r\n",
];

#[test]
fn load_answers_whatever_the_file_says() {
    let world = World::empty();
    let path = world.path("wild.toml");
    let world = world.env("TOMBOLO_CONFIG", &path.display().to_string());
    let mut valid = 0;
    for seed in 1..=1000u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut text = String::new();
        if dice.below(2) == 0 {
            text.push_str(GOOD);
            // A change at some place of a good file finds other paths than noise does.
            for _ in 0..dice.below(4) {
                let at = dice.below(text.len());
                if text.is_char_boundary(at) {
                    text.insert_str(at, dice.pick(&PIECES));
                }
            }
        } else {
            for _ in 0..dice.below(30) {
                text.push_str(dice.pick(&PIECES));
            }
        }
        std::fs::write(&path, &text).expect("a file");
        match world.load() {
            Ok(_) => valid += 1,
            Err(errors) => {
                let said = errors.to_string();
                assert!(
                    !errors.errors().is_empty() && said.contains("nothing was done"),
                    "{seed}: {said}"
                );
                let secret = text.contains("token = \"s3cret\"") && said.contains("s3cret");
                assert!(!secret, "{seed}: {text}\n{said}");
            }
        }
    }
    assert!(
        valid > 50,
        "only {valid} configurations were valid: the loop proves little"
    );
}

#[test]
fn load_answers_deep_and_long_files() {
    let deep = 100_000;
    let texts = [
        format!("a = {}", "[".repeat(deep)),
        format!("a = {}1{}", "[".repeat(deep), "]".repeat(deep)),
        format!("a = {}", "{a=".repeat(deep)),
        format!("{}a = 1", "a.".repeat(deep)),
        format!("[{}a]", "a.".repeat(deep)),
        "[accounts.a]\n".repeat(2),
        "x".repeat(500_000),
        format!("{} = 1", "x".repeat(500_000)),
        "#".repeat(2_000_000),
    ];
    for text in texts {
        assert!(World::mistakes_of(&text).contains("mistake"));
    }
}

#[test]
fn load_answers_whatever_the_environment_says() {
    for seed in 1..=150u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut world = World::with(GOOD);
        for _ in 0..=dice.below(4) {
            let parts: Vec<String> = (0..=dice.below(4)).map(|_| dice.pick(&PIECES).to_uppercase()).collect();
            world = world.env(&format!("TOMBOLO_{}", parts.join("__")), dice.pick(&PIECES));
        }
        let said = world.mistakes();
        assert!(said == "no mistakes" || said.contains("nothing was done"), "{said}");
    }
}
