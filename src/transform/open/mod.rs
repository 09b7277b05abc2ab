//! Opens a sealed object as it passes: the seal is authenticated segment by segment, and only what was sealed is put back.
//!
//! No unauthenticated byte comes out, and a faulty object never comes to its end.
