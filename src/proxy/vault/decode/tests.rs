use super::{DecodeFault, Decoder, DecoderSettings, Decoding, WorkerFault};
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::frames::{FramesFault, FramesLimits};
use std::time::Duration;

fn settings(workers: u32) -> DecoderSettings {
    DecoderSettings { program: None, memory: 64 << 20, time: Duration::from_secs(20), workers }
}

#[tokio::test]
async fn what_nothing_decodes_is_known_before_anything_is_fetched() {
    let decoder = Decoder::new(settings(1));
    let begin = |decoder: &Decoder, syntax: &str| {
        Decoding::new(decoder, &syntax.parse().unwrap(), Encoding::ExplicitLe, FramesLimits::default())
    };
    assert!(begin(&decoder, "1.2.840.10008.1.2.4.90").is_ok());
    for syntax in ["1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.110", "1.2.3"] {
        assert!(matches!(begin(&decoder, syntax), Err(DecodeFault::Frames(FramesFault::Syntax(_, _)))), "{syntax}");
    }
    let off = Decoder::new(settings(0));
    assert_eq!(begin(&off, "1.2.840.10008.1.2.4.90").unwrap_err(), DecodeFault::Worker(WorkerFault::Off));
}
