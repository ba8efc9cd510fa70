//! The request that a batch becomes, read back by the decoder.

use std::time::Duration;

use otlp_core::{
    AttributeValue, KeyValue, Signal,
    data::Scope,
    wire::{decode, encode},
};

use crate::scripted::{Scripted, pipeline};

#[test]
fn a_batch_of_several_scopes_and_fragments_decodes_to_what_was_recorded() {
    let exporter = Scripted::accepting();
    let pipeline = pipeline(otlp_batch::BatchConfig::default(), &exporter).start().unwrap();
    let scopes = ["one", "two"].map(|name| Scope {
        name: name.into(),
        version: "1.2".into(),
        attributes: vec![KeyValue::new("part", name)].into(),
        schema_url: "https://example.test/schema".into(),
        ..Scope::default()
    });
    let handles = scopes.each_ref().map(|scope| pipeline.intake().scope(scope));
    for number in 0..2_000 {
        let mut span = Vec::new();
        encode::put_string(&mut span, 5, &format!("span {number}"));
        encode::put_key_value(&mut span, 9, "number", number.as_value(), None);
        let len = encode::bytes_len(2, span.len());
        pipeline.intake().append(Signal::Traces, &handles[number / 500 % 2], 1, len, |out| {
            encode::put_bytes(out, 2, &span);
        });
    }
    assert!(pipeline.flush_blocking(Duration::from_secs(10)).complete);
    let mut names = Vec::new();
    for batch in exporter.batches() {
        let request = batch.to_request();
        let bytes = request.to_contiguous();
        assert_eq!(bytes.len(), request.len());
        for span in decode::spans(&bytes).unwrap() {
            assert_eq!(span.resource.service_name(), Some("test"));
            let number: usize = span.name[5..].parse().unwrap();
            assert_eq!(*span.scope, scopes[number / 500 % 2]);
            names.push(number);
        }
    }
    names.sort_unstable();
    assert_eq!(names, (0..2_000).collect::<Vec<_>>());
}
