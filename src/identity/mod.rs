//! Certificate, address and title to a principal. It never decides what a principal may do.
