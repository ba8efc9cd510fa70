//! Files that are no configuration: something else, too long, a pipe, or written by an editor of another system.

use otlp_client::config::{ClientConfig, ConfigFileError, ProductionConfig};

use super::bad_input::with;

#[test]
fn what_is_no_configuration_is_refused_in_words() {
    let deep_list = format!("batch: {}", "[".repeat(100_000));
    let deep_fields: String = (0..1000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let wide = format!("a: [{}]", "1,".repeat(100_000));
    let bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n";
    for (text, expected) in [
        (
            "<!DOCTYPE html><html></html>",
            "the configuration is something else, which is not shown, but takes a part with fields",
        ),
        ("[1, 2]", "the configuration is "),
        ("a: b: c", "line 1, column 5: mapping values are not allowed"),
        ("a: \"no end", "line 1, column 4: "),
        ("a: 1\n---\nb: 2", "a second document begins"),
        ("endpoint: http://a\n\tservice_name: a", "found a tab"),
        ("endpoint: http://a\nbatch:\n\tmax_batch_size: 1", "line 3, column "),
        ("%YAML 9.9\n---\na: 1", "line 1, column 1"),
        ("? [a]\n: b", "names of fields"),
        ("? {a: b}\n: c", "names of fields"),
        ("null: a", "names of fields"),
        ("!!python/object:os.system a", "tag"),
        ("a: \u{0}", "line 1, column 4: "),
        (bomb, "without anchors"),
        ("a: *b", "line 1, column 4: "),
        ("<<: {endpoint: http://a}", "line 1, column 1: "),
        (&deep_list, "recursion limit exceeded"),
        (&deep_fields, "levels deep"),
        (&wide, "at most 20000 values"),
    ] {
        let error = ClientConfig::from_yaml_str(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{:.40}: {error}", text);
    }
}

#[test]
fn what_is_longer_than_any_configuration_is_not_read() {
    let long = with(&format!("# {}", "x".repeat(10 << 20)));
    assert!(matches!(ProductionConfig::from_yaml_str(&long), Err(ConfigFileError::TooLong)));
    assert!(matches!(ClientConfig::from_yaml_str(&long), Err(ConfigFileError::TooLong)));
    let path = std::env::temp_dir().join(format!("otlp-long-config-{}", std::process::id()));
    std::fs::write(&path, long).unwrap();
    let error = ProductionConfig::from_yaml_file(&path).unwrap_err().to_string();
    assert!(error.contains("more than 1048576 bytes"), "{error}");
    std::fs::write(&path, b"endpoint: \xff").unwrap();
    let error = ProductionConfig::from_yaml_file(&path).unwrap_err().to_string();
    assert!(error.contains("no UTF-8") && error.contains("otlp-long-config"), "{error}");
    std::fs::remove_file(&path).unwrap();
    let error = ProductionConfig::from_yaml_file(&path).unwrap_err().to_string();
    assert!(error.contains("cannot read the configuration file") && error.contains("otlp-long-config"), "{error}");
    assert!(ProductionConfig::from_yaml_file("/dev/zero").unwrap_err().to_string().contains("it is no file"));
    assert!(ProductionConfig::from_yaml_file(std::env::temp_dir()).unwrap_err().to_string().contains("it is no file"));
    let error = ProductionConfig::from_yaml_file("").unwrap_err().to_string();
    assert!(error.starts_with("cannot read the configuration file \"\": "), "{error}");
    std::fs::write(&path, with("batch: {max_batch_size: 0}")).unwrap();
    let error = ProductionConfig::from_yaml_file(&path).unwrap_err();
    let expected = format!("{}: line 3, column 25: batch.max_batch_size is 0, but takes", path.display());
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert_eq!(error.place().map(|place| place.line), Some(3));
    // A gigabyte that takes no room on the disk, and must take none in memory.
    std::fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let error = ClientConfig::from_yaml_file(&path).unwrap_err().to_string();
    assert!(error.contains("otlp-long-config") && error.contains("more than 1048576 bytes"), "{error}");
    std::fs::remove_file(&path).unwrap();
}

/// A pipe that nobody writes to must not be waited for.
#[cfg(unix)]
#[test]
fn a_pipe_is_no_configuration() {
    let path = std::env::temp_dir().join(format!("otlp-pipe-config-{}", std::process::id()));
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let error = ClientConfig::from_yaml_file(&path).unwrap_err().to_string();
    std::fs::remove_file(&path).unwrap();
    assert!(error.ends_with("it is no file"), "{error}");
}

/// As editors of other systems write it.
#[test]
fn a_byte_order_mark_and_line_breaks_of_two_bytes_are_read() {
    let text = "\u{feff}endpoint: http://a:4318\r\nservice_name: shop\r\nbatch:\r\n  max_batch_size: 7\r\n";
    let config = ClientConfig::from_yaml_str(text).unwrap().production;
    assert_eq!((config.service_name.as_str(), config.batch.max_batch_size), ("shop", 7));
    let error = ClientConfig::from_yaml_str(&text.replace('7', "0")).unwrap_err();
    assert_eq!(error.place().map(|place| (place.line, place.column)), Some((4, 19)), "{error}");
}
