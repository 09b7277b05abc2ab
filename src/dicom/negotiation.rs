//! Presentation contexts and user items (PS3.8 annex D, PS3.7 annex D): what to ask the archive, what to answer the caller.
