//! On which context of the receiver an object goes on, and in which encoding.

use crate::dicom::Uid;
use crate::dicom::transfer_syntax::{
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, Encoding,
    IMPLICIT_VR_LITTLE_ENDIAN, encoding_of, is_encapsulated,
};
use crate::transform::open::As;

/// What a receiver takes of a SOP class: a context and its transfer syntax. What comes first in a list is preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Takes {
    /// Which of the associations with the receiver.
    pub leg: u8,
    /// Presentation context id.
    pub context: u8,
    /// Transfer syntax.
    pub syntax: Uid,
}

/// Where an object that stays as it is goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which of the associations with the receiver.
    pub leg: u8,
    /// Presentation context id at the receiver.
    pub context: u8,
    /// How it is encoded there.
    pub encoding: Encoding,
}

/// Where an object goes that is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opens {
    /// Where it goes.
    pub place: Place,
    /// How it comes out of the seal.
    pub how: As,
    /// How it is encoded when it comes out.
    pub comes: Encoding,
    /// Its image must be decoded on the way.
    pub decode: bool,
}

/// Encodings of native images, the best first.
const NATIVE: [&str; 4] =
    [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN];

/// Whether images in this syntax are values that can be written in another native encoding.
pub fn is_native(syntax: &Uid) -> bool {
    NATIVE.contains(&syntax.as_str())
}

/// Where a data set goes that came in this syntax on this context and is not opened: on the same context if the receiver
/// takes it so there, on any that takes its syntax, else written in another native encoding.
pub fn as_it_is(takes: &[Takes], context: u8, syntax: &Uid) -> Option<Place> {
    let place = |takes: &Takes| Place { leg: takes.leg, context: takes.context, encoding: encoding_of(&takes.syntax) };
    let mirrored = takes.iter().find(|takes| takes.context == context && takes.syntax == *syntax);
    mirrored.or_else(|| takes.iter().find(|takes| takes.syntax == *syntax)).map(place).or_else(|| {
        let native = is_native(syntax).then(|| best_native(takes))??;
        Some(place(native))
    })
}

/// Where what is in a seal goes: in its own syntax, where the receiver takes that, else native.
pub fn opened(takes: &[Takes], original: &Uid) -> Option<Opens> {
    let own = takes.iter().find(|takes| takes.syntax == *original);
    // What was deflated is sealed inflated (its stream is not the object): it is deflated again on its way.
    let deflated = encoding_of(original) == Encoding::Deflated;
    if let Some(own) = own.filter(|_| !deflated) {
        let comes = encoding_of(original);
        let place = Place { leg: own.leg, context: own.context, encoding: comes };
        return Some(Opens { place, how: As::Own, comes, decode: false });
    }
    let to = own.filter(|_| is_native(original)).or_else(|| best_native(takes))?;
    let place = Place { leg: to.leg, context: to.context, encoding: encoding_of(&to.syntax) };
    if !is_native(original) {
        // It comes out compressed, and is written in the receiver's encoding by what decodes it.
        let decode = is_encapsulated(original);
        return decode.then_some(Opens { place, how: As::Own, comes: Encoding::ExplicitLe, decode });
    }
    let comes = match place.encoding {
        Encoding::ImplicitLe => Encoding::ImplicitLe,
        _ => Encoding::ExplicitLe,
    };
    Some(Opens { place, how: As::Native(comes), comes, decode: false })
}

fn best_native(takes: &[Takes]) -> Option<&Takes> {
    NATIVE.into_iter().find_map(|native| takes.iter().find(|takes| takes.syntax.as_str() == native))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &str = "1.2.840.10008.1.2.4.70";
    const BASELINE: &str = "1.2.840.10008.1.2.4.50";

    fn uid(text: &str) -> Uid {
        text.parse().unwrap()
    }

    fn takes(all: &[(u8, &str)]) -> Vec<Takes> {
        all.iter().map(|&(context, syntax)| Takes { leg: 0, context, syntax: uid(syntax) }).collect()
    }

    #[test]
    fn what_stays_as_it_is_goes_where_it_came_if_that_fits() {
        let all = takes(&[(1, EXPLICIT_VR_LITTLE_ENDIAN), (3, EXPLICIT_VR_LITTLE_ENDIAN), (5, JPEG)]);
        let place = |context, syntax: &str| as_it_is(&all, context, &uid(syntax));
        let at = |context| Some(Place { leg: 0, context, encoding: Encoding::ExplicitLe });
        assert_eq!(place(3, EXPLICIT_VR_LITTLE_ENDIAN), at(3));
        assert_eq!(place(9, EXPLICIT_VR_LITTLE_ENDIAN), at(1), "an extra context is none of the receiver's");
        assert_eq!(place(1, JPEG), at(5));
        assert_eq!(place(7, IMPLICIT_VR_LITTLE_ENDIAN), at(1), "written anew");
        assert_eq!(place(5, BASELINE), None, "nothing is decoded, and nothing encoded");
        let deflated = takes(&[(1, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)]);
        let place = as_it_is(&deflated, 9, &uid(IMPLICIT_VR_LITTLE_ENDIAN));
        assert_eq!(place, Some(Place { leg: 0, context: 1, encoding: Encoding::Deflated }));
        assert_eq!(as_it_is(&takes(&[(5, JPEG)]), 9, &uid(EXPLICIT_VR_LITTLE_ENDIAN)), None);
        assert_eq!(as_it_is(&[], 9, &uid(EXPLICIT_VR_LITTLE_ENDIAN)), None);
    }

    #[test]
    fn what_is_opened_goes_in_its_own_syntax_before_any_other() {
        let all = takes(&[(1, IMPLICIT_VR_LITTLE_ENDIAN), (3, JPEG), (5, EXPLICIT_VR_LITTLE_ENDIAN)]);
        let opens =
            |original: &str| opened(&all, &uid(original)).map(|opens| (opens.place.context, opens.how, opens.decode));
        assert_eq!(opens(JPEG), Some((3, As::Own, false)));
        assert_eq!(opens(IMPLICIT_VR_LITTLE_ENDIAN), Some((1, As::Own, false)));
        assert_eq!(opens(EXPLICIT_VR_BIG_ENDIAN), Some((5, As::Native(Encoding::ExplicitLe), false)));
        assert_eq!(opens(BASELINE), Some((5, As::Own, true)), "decoded");
        assert_eq!(opens("1.2.3.4"), None, "nobody knows what that is");
        let implicit = takes(&[(1, IMPLICIT_VR_LITTLE_ENDIAN)]);
        let native = opened(&implicit, &uid(EXPLICIT_VR_LITTLE_ENDIAN)).unwrap();
        assert_eq!((native.place.context, native.how), (1, As::Native(Encoding::ImplicitLe)));
        assert_eq!(opened(&takes(&[(3, JPEG)]), &uid(EXPLICIT_VR_LITTLE_ENDIAN)), None);
    }

    #[test]
    fn what_was_deflated_is_deflated_again() {
        let deflated = uid(DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN);
        let all = takes(&[(1, IMPLICIT_VR_LITTLE_ENDIAN), (3, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)]);
        let Opens { place, how, comes, decode } = opened(&all, &deflated).unwrap();
        assert_eq!(place, Place { leg: 0, context: 3, encoding: Encoding::Deflated });
        assert_eq!((how, comes, decode), (As::Native(Encoding::ExplicitLe), Encoding::ExplicitLe, false));
        let native = opened(&all[..1], &deflated).unwrap();
        assert_eq!((native.place.context, native.how), (1, As::Native(Encoding::ImplicitLe)));
    }
}
