use super::password;

#[test]
fn the_password_of_the_gateway_is_read_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ldap.password");
    std::fs::write(&file, "correct horse \n").unwrap();
    let read = password(&file).unwrap();
    assert_eq!(*read.0, "correct horse ");
    assert_eq!(format!("{read:?}"), "[secret]");
    for (text, words) in [("", "empty"), ("\n", "empty"), (&"x".repeat(5000), "longer")] {
        std::fs::write(&file, text).unwrap();
        let fault = password(&file).unwrap_err();
        assert!(fault.contains(words), "{fault}");
    }
    assert!(password(&folder.path().join("none")).is_err());
}
