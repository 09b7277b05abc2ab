//! Writes a data set in another encoding as it passes: implicit and explicit VR, little and big endian.
//!
//! It never touches encapsulated pixel data and never decodes an image.
