//! Attribute matching of queries (PS3.4 C.2.2.2).
