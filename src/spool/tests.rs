use super::*;
use bytes::Bytes;

fn spools(memory: u64, memory_all: u64, disk: u64) -> (tempfile::TempDir, Arc<Spools>) {
    let folder = tempfile::tempdir().unwrap();
    let options = SpoolOptions { folder: folder.path().join("spool"), memory, memory_all, disk };
    (folder, Spools::new(options))
}

fn bytes(length: usize, seed: u8) -> Bytes {
    (0..length).map(|at| seed.wrapping_add(u8::try_from(at % 251).unwrap())).collect::<Vec<u8>>().into()
}

async fn keep(spool: Box<Spool>, piece: Bytes) -> Result<Box<Spool>, SpoolFault> {
    let mut spool = spool;
    spool.push(piece);
    if spool.must_write() { spool.write().await } else { Ok(spool) }
}

async fn all(spool: Box<Spool>) -> Vec<u8> {
    played_back(spool).await.1
}

/// Everything that is in it, and the empty spool.
async fn played_back(spool: Box<Spool>) -> (Box<Spool>, Vec<u8>) {
    let mut spool = spool;
    let mut out = Vec::new();
    loop {
        match spool.next_part() {
            Next::Here(piece) => out.extend_from_slice(&piece),
            Next::OnDisk => {
                let (back, piece) = spool.read().await.unwrap();
                spool = back;
                out.extend_from_slice(&piece);
            }
            Next::Empty => {
                assert!(spool.is_empty());
                return (spool, out);
            }
        }
    }
}

#[tokio::test]
async fn what_fits_stays_in_memory_and_comes_back_in_order() {
    let (folder, spools) = spools(1000, 1000, 0);
    let mut spool = Box::new(spools.spool());
    for seed in 0..10 {
        spool = keep(spool, bytes(100, seed)).await.unwrap();
    }
    assert_eq!(spools.kept(), (1000, 0));
    let expected: Vec<u8> = (0..10).flat_map(|seed| bytes(100, seed)).collect();
    assert_eq!(all(spool).await, expected);
    assert_eq!(spools.kept(), (0, 0));
    assert!(!folder.path().join("spool").exists(), "no file was needed");
}

#[tokio::test]
async fn what_does_not_fit_goes_into_a_file_that_nobody_can_read_or_find() {
    let (folder, spools) = spools(100_000, 1 << 30, 1 << 30);
    let mut spool = Box::new(spools.spool());
    let mut expected = Vec::new();
    for seed in 0..60 {
        let piece = bytes(99_991, seed);
        expected.extend_from_slice(&piece);
        spool = keep(spool, piece).await.unwrap();
    }
    let (memory, disk) = spools.kept();
    assert_eq!(memory, 99_991);
    assert!(disk > 4 << 20);
    assert_eq!(std::fs::read_dir(folder.path().join("spool")).unwrap().count(), 0, "it has no name");
    assert_eq!(all(spool).await, expected);
    assert_eq!(spools.kept(), (0, 0));
}

#[tokio::test]
async fn it_can_be_filled_again_after_it_was_played_back() {
    let (_folder, spools) = spools(10, 10, 1 << 30);
    let mut spool = Box::new(spools.spool());
    for round in 0..3 {
        let piece = bytes(3 << 20, round);
        spool = keep(spool, piece.clone()).await.unwrap();
        let (back, out) = played_back(spool).await;
        spool = back;
        assert_eq!(out, piece);
    }
}

#[tokio::test]
async fn all_together_have_their_limits() {
    let (_folder, spools) = spools(1000, 1500, 3 << 20);
    let first = keep(Box::new(spools.spool()), bytes(1000, 1)).await.unwrap();
    let second = keep(Box::new(spools.spool()), bytes(1000, 2)).await.unwrap();
    assert_eq!(spools.kept().0, 1000, "the second has no room in memory");
    let third = keep(Box::new(spools.spool()), bytes(4 << 20, 3)).await;
    assert!(matches!(third, Err(SpoolFault::Full)));
    assert_eq!(spools.kept().1, 0, "what could not be kept is given up");
    assert_eq!(all(second).await, bytes(1000, 2));
    drop(first);
    assert_eq!(spools.kept(), (0, 0));
}

#[test]
fn leftovers_of_a_killed_process_go() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(clear(&folder.path().join("none")).unwrap(), 0);
    std::fs::write(folder.path().join("a.spool"), b"x").unwrap();
    std::fs::write(folder.path().join("b.txt"), b"x").unwrap();
    assert_eq!(clear(folder.path()).unwrap(), 1);
    assert!(folder.path().join("b.txt").exists());
}
