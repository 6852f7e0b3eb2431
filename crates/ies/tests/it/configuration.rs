//! `ies check-config` names what is wrong, with line and key.

#[test]
fn a_wrong_file_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ies.toml");
    let check = |text: &str, success: bool, expected: &str| {
        std::fs::write(&file, text).unwrap();
        let output = crate::ies().arg("check-config").arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(if success { &output.stdout } else { &output.stderr }).into_owned();
        assert_eq!(output.status.success(), success, "{said}");
        assert!(said.contains(expected), "{said}");
    };
    check("[http]\nlisten = \"127.0.0.1:0\"\n", true, "fine");
    check("[http]\nlisten = 80\n", false, "line 2, http.listen");
    check("[delivery]\nprot = 25\n", false, "unknown field `prot`");
    check("[queue.adaptive]\ndecrease_percent = 0\n", false, "queue.adaptive");
}

#[test]
fn every_subcommand_has_help_with_an_example() {
    for command in ["serve", "demo", "lab", "check-config", "send", "trace", "inspect"] {
        let output = crate::ies().args([command, "--help"]).output().unwrap();
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && help.contains("Example"), "{command}: {help}");
    }
}
