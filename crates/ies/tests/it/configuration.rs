//! `ies check-config` names everything that is wrong, with line, key and value; other commands say which file they used.

use std::path::Path;
use std::process::Output;

/// All that a command says, and its exit code.
fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    (output.status.code(), text.concat())
}

fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String) {
    said(&crate::ies().current_dir(dir).args(args).output().unwrap())
}

#[test]
fn a_wrong_file_is_refused_with_its_places() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ies.toml");
    let check = |text: &str, code: i32, expected: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let (found, said) = run(dir.path(), &["check-config", file.to_str().unwrap()]);
        assert_eq!(found, Some(code), "{said}");
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), expected.len(), "{said}");
        for (line, expected) in lines.iter().zip(expected) {
            assert!(line.contains(expected), "{line}");
        }
    };
    check("[http]\nlisten = \"127.0.0.1:0\"\n", 0, &["fine"]);
    check("[http]\nlisten = 80\n", 1, &["ies.toml, line 2: http.listen = 80: must be an address with a port"]);
    check("[delivery]\nprot = 25\n", 1, &["line 2: delivery.prot = 25: there is no such key; did you mean"]);
    let adaptive = "queue.adaptive.decrease_percent = 0: must be between 1 and 95";
    check("[queue.adaptive]\ndecrease_percent = 0\n", 1, &[adaptive]);
    let text = "[[dkim]]\ndomain = 'example.com'\nselector = 'a'\nkey_file = 'a.pem'\n[http]\nlisten = 'here'\n\
                [queue]\nproviders_file = '/none'\n";
    let expected =
        ["3 mistakes in", "line 4: dkim[0].key_file = 'a.pem': cannot be used", "line 6: http.listen", "line 8"];
    check(text, 1, &expected);
    // Whoever starts the suite is told the same.
    let checked = run(dir.path(), &["check-config", file.to_str().unwrap()]);
    assert_eq!(run(dir.path(), &["serve", "--config", file.to_str().unwrap()]), checked);
}

#[test]
fn a_file_of_the_directory_we_are_in_needs_no_path() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ies.toml"), "node = 3\n").unwrap();
    assert_eq!(run(dir.path(), &["check-config"]), (Some(0), "ies.toml: fine\n".to_owned()));
    let (code, said) = run(dir.path(), &["user", "list"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(dir.path().join("data/ies.db").exists());
}

#[test]
fn who_finds_no_suite_is_told_which_configuration_was_used() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("other.toml");
    std::fs::write(&file, "").unwrap();
    let check = |args: &[&str], expected: &[&str]| {
        let (code, said) = run(dir.path(), args);
        assert_eq!(code, Some(1), "{said}");
        expected.iter().for_each(|expected| assert!(said.contains(expected), "{said}"));
    };
    let (file, here) = (file.to_str().unwrap(), "there is no ies.toml here");
    let mail = ["send", "--from", "a@example.com", "--to", "b@example.com"];
    let used = ["no suite runs", file, "-c FILE"];
    check(&["trace", "a@example.com"], &["no suite runs", here, "-c FILE"]);
    check(&["trace", "a@example.com", "-c", file], &used);
    check(&[&mail[..], &["-c", file]].concat(), &used);
    check(&["rebuild-reports", "-c", file], &["there is no event log", file, "-c FILE"]);
    // What a suite leaves behind that was killed: its process is not there any more.
    let mut gone = std::process::Command::new("true").spawn().unwrap();
    gone.wait().unwrap();
    let door = serde_json::json!({ "url": "http://127.0.0.1:9", "key": "k", "pid": gone.id(), "smtp": null });
    std::fs::create_dir_all(dir.path().join("data")).unwrap();
    std::fs::write(dir.path().join("data/local.json"), door.to_string()).unwrap();
    check(&["trace", "a@example.com", "-c", file], &used);
}

#[test]
fn every_subcommand_has_help_with_an_example() {
    for command in ["serve", "demo", "lab", "check-config", "send", "trace", "inspect"] {
        let output = crate::ies().args([command, "--help"]).output().unwrap();
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && help.contains("Example"), "{command}: {help}");
    }
}
