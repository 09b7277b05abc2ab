//! The gateway's own CA, certificate verification, revocation and pinned keys. It never opens a socket.
