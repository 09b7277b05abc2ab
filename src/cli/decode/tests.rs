use super::codec::decode;
use super::{jpeg, jpeg2000, serve};
use crate::proxy::vault::decode::wire::{self, ANSWER, REQUEST};
use crate::transform::frames::{Frame, Image, Pixels};

fn image(syntax: &str, rows: u16, columns: u16, samples: u8, allocated: u8) -> Image {
    Image {
        syntax: syntax.parse().unwrap(),
        rows,
        columns,
        samples,
        allocated,
        stored: allocated,
        signed: false,
        photometric: if samples == 3 { "RGB" } else { "MONOCHROME2" }.to_owned(),
    }
}

const RLE: &str = "1.2.840.10008.1.2.5";

/// One segment of each byte, literal runs.
fn rle(planes: &[&[u8]]) -> Vec<u8> {
    let (mut offsets, mut body) = (vec![planes.len() as u32], Vec::new());
    for plane in planes {
        offsets.push(64 + body.len() as u32);
        for run in plane.chunks(128) {
            body.push(run.len() as u8 - 1);
            body.extend(run);
        }
        body.resize(body.len().next_multiple_of(2), 0x80);
    }
    offsets.resize(16, 0);
    [offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect(), body].concat()
}

#[test]
fn run_lengths_are_decoded() {
    let frame = Frame { image: image(RLE, 2, 3, 1, 16), bytes: rle(&[&[1, 2, 3, 4, 5, 6], &[9, 8, 7, 6, 5, 4]]) };
    let pixels = decode(&frame).unwrap();
    assert_eq!(pixels.bytes, [9, 1, 8, 2, 7, 3, 6, 4, 5, 5, 4, 6]);
    let frame = Frame { image: image(RLE, 1, 2, 3, 8), bytes: rle(&[&[1, 2], &[3, 4], &[5, 6]]) };
    assert_eq!(decode(&frame).unwrap().bytes, [1, 3, 5, 2, 4, 6]);
    let frame = Frame { image: image(RLE, 1, 2, 1, 32), bytes: rle(&[&[1, 2], &[3, 4], &[5, 6], &[7, 8]]) };
    assert_eq!(decode(&frame).unwrap().bytes, [7, 5, 3, 1, 8, 6, 4, 2]);
    let mut runs = Frame { image: image(RLE, 1, 5, 1, 8), bytes: rle(&[]) };
    runs.bytes[..8].copy_from_slice(&[1, 0, 0, 0, 64, 0, 0, 0]);
    runs.bytes.extend([254, 9, 128, 0, 1, 255, 7]);
    assert_eq!(decode(&runs).unwrap().bytes, [9, 9, 9, 1, 7]);
    for wrong in [vec![], vec![1; 64], runs.bytes[..68].to_vec(), rle(&[&[1, 2], &[3, 4]])] {
        assert!(decode(&Frame { bytes: wrong, ..runs.clone() }).is_err());
    }
}

fn asked(frames: &[Frame], memory: u64) -> Vec<Result<Pixels, String>> {
    let mut input = Vec::new();
    for frame in frames {
        input.extend(wire::request(frame));
        input.extend(&frame.bytes);
    }
    let mut output = Vec::new();
    serve(&mut input.as_slice(), &mut output, memory).unwrap();
    let (mut rest, mut answers) = (output.as_slice(), Vec::new());
    while let Some((head, behind)) = rest.split_first_chunk::<ANSWER>() {
        let (photometric, length) = wire::read_answer(head).unwrap();
        let (bytes, behind) = behind.split_at(length as usize);
        rest = behind;
        answers.push(match photometric {
            Some(photometric) => Ok(Pixels { photometric, bytes: bytes.to_vec() }),
            None => Err(String::from_utf8(bytes.to_vec()).unwrap()),
        });
    }
    answers
}

#[test]
fn a_frame_that_does_not_decode_fails_alone() {
    let good = Frame { image: image(RLE, 1, 2, 1, 8), bytes: rle(&[&[1, 2]]) };
    // A segment that is too short, over which the codec stumbles.
    let short = Frame { image: image(RLE, 8, 8, 1, 8), bytes: rle(&[&[1, 2]]) };
    let none = Frame { image: image("1.2.840.10008.1.2.4.110", 1, 1, 1, 8), bytes: vec![1; 30] };
    let bomb = Frame { image: image(RLE, 65_535, 65_535, 3, 16), bytes: vec![0; 80] };
    let answers = asked(&[good.clone(), short, none, bomb, good], 1 << 20);
    assert_eq!(answers.len(), 5);
    assert!(answers[0].is_ok() && answers[0] == answers[4]);
    assert!(answers[1].is_err() && answers[2].is_err());
    assert_eq!(answers[3], Err("the frame is too large".to_owned()));
}

#[test]
fn messages_that_are_none_end_the_worker() {
    let mut out = Vec::new();
    assert!(serve(&mut [1_u8; REQUEST].as_slice(), &mut out, 1000).is_err());
    assert!(serve(&mut [1_u8; 5].as_slice(), &mut out, 1000).is_ok());
    assert!(out.is_empty());
    assert!(wire::read_answer(&[0; ANSWER]).is_err());
}

/// SOI, SOF of this kind and size, end.
fn stream(kind: u8, precision: u8, rows: u16, columns: u16, components: u8) -> Vec<u8> {
    let mut out = vec![0xff, 0xd8, 0xff, kind, 0, 8 + 3 * components, precision];
    out.extend(rows.to_be_bytes());
    out.extend(columns.to_be_bytes());
    out.push(components);
    out.resize(out.len() + 3 * usize::from(components), 1);
    out.extend([0xff, 0xd9]);
    out
}

#[test]
fn streams_of_another_size_than_the_attributes_say_never_reach_a_codec() {
    let said = image("1.2.840.10008.1.2.4.50", 10, 20, 3, 8);
    assert!(jpeg::check(&said, &stream(0xc0, 8, 10, 20, 3)).is_ok());
    for wrong in [
        stream(0xc0, 8, 11, 20, 3),
        stream(0xc0, 8, 10, 65_535, 3),
        stream(0xc0, 8, 10, 20, 1),
        stream(0xc3, 16, 10, 20, 3),
        stream(0xc1, 12, 10, 20, 3),
        vec![0xff, 0xd8, 0xff, 0xd9],
        vec![0xff, 0xd8, 0xff],
        vec![],
    ] {
        assert!(jpeg::check(&said, &wrong).is_err(), "{wrong:?}");
    }
    let siz = |height: u32, width: u32, tile: u32, depth: u8| {
        let mut out = vec![0xff, 0x4f, 0xff, 0x51, 0, 41, 0, 0];
        for number in [width, height, 0, 0, tile, tile, 0, 0] {
            out.extend(number.to_be_bytes());
        }
        out.extend([0, 1, depth, 1, 1]);
        out
    };
    let said = image("1.2.840.10008.1.2.4.90", 10, 20, 1, 16);
    assert_eq!(jpeg2000::check(&said, &siz(10, 20, 20, 11)), Ok(12));
    let boxed =
        [b"\0\0\0\x0cjP  \x0d\x0a\x87\x0a\0\0\0\x09abcd!\0\0\0\0jp2c".as_slice(), &siz(10, 20, 20, 11)].concat();
    assert_eq!(jpeg2000::check(&said, jpeg2000::codestream(&boxed)), Ok(12));
    for wrong in [siz(10, 21, 20, 11), siz(u32::MAX, 20, 20, 11), siz(10, 20, 0, 11), siz(10, 20, 20, 31), vec![]] {
        assert!(jpeg2000::check(&said, &wrong).is_err());
    }
}

#[test]
fn colours_are_marked_as_the_attributes_say_where_the_stream_does_not() {
    let mut said = image("1.2.840.10008.1.2.4.50", 10, 20, 3, 8);
    let bytes = stream(0xc0, 8, 10, 20, 3);
    let transform = |said: &Image, bytes: &[u8]| jpeg::check(said, bytes).unwrap().bytes[17];
    assert_eq!(transform(&said, &bytes), 0);
    said.photometric = "YBR_FULL_422".to_owned();
    assert_eq!(transform(&said, &bytes), 1);
    let marked = jpeg::check(&said, &bytes).unwrap().bytes;
    said.photometric = "RGB".to_owned();
    assert_eq!(transform(&said, &marked), 1, "the stream knows better");
}

/// Runs in a process of its own, started by the test below.
#[test]
#[ignore = "ends what this process may do"]
fn inside() {
    super::sandbox::enter(64 << 20, 60).unwrap();
    let denied = |outcome: std::io::Result<()>| assert!(outcome.is_err());
    denied(std::net::UdpSocket::bind("127.0.0.1:0").map(drop));
    denied(
        std::net::TcpStream::connect_timeout(&([127, 0, 0, 1], 9).into(), std::time::Duration::from_secs(1)).map(drop),
    );
    denied(std::os::unix::net::UnixStream::pair().map(drop));
    denied(std::fs::File::open("/proc/self/statm").map(drop));
    denied(std::fs::File::create("/tmp/dicomgate-decode-worker").map(drop));
    denied(std::process::Command::new("/bin/true").status().map(drop));
    let mut much: Vec<u8> = Vec::new();
    assert!(much.try_reserve_exact(256 << 20).is_err());
    // What codecs need.
    assert_eq!(std::thread::spawn(|| 7).join().unwrap(), 7);
    assert!(much.try_reserve_exact(1 << 20).is_ok());
    // Whoever does not get here has not passed.
    println!("everything was denied");
}

#[test]
fn the_worker_can_open_nothing_and_start_nothing() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cli::decode::tests::inside", "--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("everything was denied"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
