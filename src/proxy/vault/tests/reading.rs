use super::archive::{Archive, Habit};
use super::{means, ring};
use crate::dicom::Uid;
use crate::proxy::vault::prove::testing::{digest, sample, sealed};
use crate::proxy::vault::verify::{Place, ReadBack, VerifyFault, read_back};
use crate::transform::open::OpenOptions;
use crate::vault::carrier::Carrier;
use crate::vault::{SealId, Unlock};

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
