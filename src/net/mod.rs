//! Listeners, dialling, TLS, PROXY protocol, limits, drain. The only room that opens sockets; it knows no DICOM beyond bytes.
