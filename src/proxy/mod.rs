//! The DIMSE front: one task owns both sockets of an association, from accept to record.
