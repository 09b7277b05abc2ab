//! Data sets on the wire (PS3.5 7): a resumable walker over headers, values skipped. It never builds a tree of an object that passes.
