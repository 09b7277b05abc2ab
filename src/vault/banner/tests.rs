use super::*;

/// The banner as it looks: one character for each dot.
fn drawn(line: usize) -> Vec<String> {
    let pixels = rows(512, 8, 1);
    let dot = |x: usize, y: usize| pixels[(TOP + line * PITCH + y * SCALE) * 512 + LEFT + x * SCALE] == 0xff;
    (0..HEIGHT).map(|y| (0..12).map(|x| if dot(x, y) { '#' } else { '.' }).collect()).collect()
}

#[test]
fn it_says_what_it_is() {
    assert_eq!(
        drawn(0)[..7].join("\n"),
        ".####.#####.\n#.....#.....\n#.....#.....\n.###..####..\n....#.#.....\n....#.#.....\n####..#####."
    );
    assert!(LINES.iter().all(|line| line.chars().all(|letter| glyphs::rows_of(letter).is_some())));
    let widest = LINES.iter().map(|line| LEFT + line.len() * (WIDTH + 1) * SCALE).max().unwrap();
    assert!(widest <= 512 && TOP + PITCH + HEIGHT * SCALE <= usize::from(ROWS));
}

#[test]
fn all_forms_show_the_same() {
    let eight = rows(1024, 8, 1);
    let sixteen: Vec<u8> = eight.iter().flat_map(|byte| [*byte; 2]).collect();
    let colour: Vec<u8> = eight.iter().flat_map(|byte| [*byte; 3]).collect();
    assert_eq!(rows(1024, 16, 1), sixteen);
    assert_eq!(rows(1024, 8, 3), colour);
    let bits = rows(1024, 1, 1);
    let unpacked: Vec<u8> =
        bits.iter().flat_map(|byte| (0..8).map(move |bit| if byte >> bit & 1 == 1 { 0xff } else { 0 })).collect();
    assert_eq!(unpacked, eight);
}

/// Other widths have the same words at the left: the banner is the same for whoever looks at the first 512 columns.
#[test]
fn words_stand_at_the_left() {
    let (narrow, wide) = (rows(512, 8, 1), rows(4096, 8, 1));
    for (narrow, wide) in narrow.chunks(512).zip(wide.chunks(4096)) {
        assert_eq!(narrow, &wide[..512]);
        assert!(wide[512..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn the_narrowest_are_drawn_once_and_no_others() {
    let kept = |columns, (bits, samples)| {
        let drawn = rows(columns, bits, samples);
        assert_eq!(drawn, draw(columns, bits, samples), "{columns} {bits} {samples}");
        drawn.as_ptr() == rows(columns, bits, samples).as_ptr()
    };
    let forms = [(1, 1), (8, 1), (8, 3), (16, 1)];
    assert!(forms.iter().all(|form| kept(512, *form)));
    assert!(forms.iter().all(|form| !kept(1024, *form)));
    assert!(NARROW.iter().map(|(_, drawn)| drawn.get().unwrap().len()).sum::<usize>() <= 150 << 10);
}
