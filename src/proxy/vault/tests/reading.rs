use super::archive::{Archive, Habit, compress};
use super::{means, ring};
use crate::dicom::Uid;
use crate::dicom::dimse::Status;
use crate::proxy::vault::alert::cause_of_reading;
use crate::proxy::vault::decode::{Decoder, DecoderSettings};
use crate::proxy::vault::prove::testing::{digest, sample, sealed};
use crate::proxy::vault::verify::{Place, ReadBack, Reader, VerifyFault, read_back};
use crate::transform::open::OpenOptions;
use crate::vault::carrier::Carrier;
use crate::vault::{SealId, Unlock};
use std::time::Duration;

fn how() -> ReadBack {
    ReadBack {
        unlock: Unlock::from(ring()),
        options: OpenOptions { digest: true, ..OpenOptions::default() },
        compare: true,
        decoder: None,
    }
}

#[tokio::test]
async fn what_was_stored_is_read_back_to_the_last_segment() {
    for carrier in [Carrier::Pixels, Carrier::Attributes] {
        let archive = Archive::start(Habit::None).await;
        let (place, seal) = sealed(&archive.target(), &means(), carrier).await;
        let verified = read_back(&archive.target(), &place, &how(), Some(seal)).await.unwrap();
        assert_eq!(verified.inner.seal, seal);
        assert_eq!(verified.opened.digest, Some(digest(&means())), "both sides say the same of the same original");
        let other = read_back(&archive.target(), &place, &how(), Some(SealId([1; 16]))).await;
        assert!(matches!(other, Err(VerifyFault::Other(found)) if found == seal), "{other:?}");
        let gone = Place { instance: Uid::new("1.2.3").unwrap(), ..place.clone() };
        let gone = read_back(&archive.target(), &gone, &how(), Some(seal)).await;
        assert!(matches!(gone, Err(VerifyFault::Gone(_))), "{gone:?}");
        // The same image sealed anew has another seal, and the same digest.
        let before = verified.opened.digest;
        let (_, again) = sealed(&archive.target(), &means(), carrier).await;
        assert_ne!(again, seal);
        let verified = read_back(&archive.target(), &place, &how(), Some(again)).await.unwrap();
        assert_eq!(verified.opened.digest, before);
    }
}

#[tokio::test]
async fn whatever_is_not_the_seal_is_not_verified() {
    let archive = Archive::start(Habit::None).await;
    let (place, seal) = sealed(&archive.target(), &means(), Carrier::Pixels).await;
    let whole = archive.held.lock().unwrap()[0].clone();
    let length = whole.data.len();
    // Behind the banner, in the segments.
    for at in [length * 3 / 4, length - 1000] {
        archive.held.lock().unwrap()[0].data[at] ^= 1;
        let damaged = read_back(&archive.target(), &place, &how(), Some(seal)).await;
        assert!(matches!(damaged, Err(VerifyFault::Open(_))), "{at}: {damaged:?}");
        archive.held.lock().unwrap()[0].data[at] ^= 1;
    }
    read_back(&archive.target(), &place, &how(), Some(seal)).await.unwrap();
    // An unsealed object under the same UID.
    let (head, pixels) = sample().data(None);
    let plain = [head, vec![7; usize::try_from(pixels).unwrap()]].concat();
    archive.held.lock().unwrap()[0].data = plain;
    let plain = read_back(&archive.target(), &place, &how(), Some(seal)).await;
    assert!(matches!(plain, Err(VerifyFault::Plain)), "{plain:?}");
}

/// Workers that end at once.
pub fn dying() -> Decoder {
    let time = Duration::from_secs(20);
    Decoder::new(DecoderSettings { program: Some("/bin/false".into()), memory: 64 << 20, time, wait: time, workers: 1 })
}

#[tokio::test]
async fn an_archive_that_is_busy_has_lost_nothing() {
    let archive = Archive::start(Habit::None).await;
    let (place, seal) = sealed(&archive.target(), &means(), Carrier::Pixels).await;
    for decoder in [None, Some(dying())] {
        let how = ReadBack { decoder, ..how() };
        let mut reader = Reader::open(&archive.target(), &[place.class]).await.unwrap();
        for status in [0xa701, 0xa702, 0xb000, 0x0122, 0xc001, 0xfe00] {
            *archive.refuses.lock().unwrap() = Some(Status(status));
            let busy = reader.read(&place, &how, Some(seal)).await.unwrap_err();
            assert!(matches!(busy, VerifyFault::Failed(Status(said)) if said == status), "{busy}");
            assert!(busy.is_transient() && cause_of_reading(&busy).is_none());
        }
        for status in [0x0000, 0xa900] {
            *archive.refuses.lock().unwrap() = Some(Status(status));
            let gone = reader.read(&place, &how, Some(seal)).await.unwrap_err();
            assert!(matches!(gone, VerifyFault::Gone(_)) && !gone.is_transient(), "{gone}");
        }
        // The same reader, once it is no longer busy.
        *archive.refuses.lock().unwrap() = None;
        reader.read(&place, &how, Some(seal)).await.unwrap();
    }
}

#[tokio::test]
async fn what_comes_compressed_while_workers_die_is_not_taken_for_anything() {
    let archive = Archive::start(Habit::None).await;
    let (place, seal) = sealed(&archive.target(), &means(), Carrier::Pixels).await;
    compress(&mut archive.held.lock().unwrap()[0]);
    let none = read_back(&archive.target(), &place, &how(), Some(seal)).await.unwrap_err();
    assert!(matches!(none, VerifyFault::Failed(_)), "{none}");
    let how = ReadBack { decoder: Some(dying()), ..how() };
    let fault = read_back(&archive.target(), &place, &how, Some(seal)).await.unwrap_err();
    assert!(matches!(fault, VerifyFault::Decode(_)) && fault.is_transient(), "{fault}");
    assert!(cause_of_reading(&fault).is_none());
}
