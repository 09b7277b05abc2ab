//! PROXY protocol headers, versions 1 and 2.
