//! What does not fit into memory while an object is sealed or opened: kept in memory up to a limit, then in a file
//! encrypted with a key that only this process knows.
//!
//! It never keeps anything past the message it was made for, and a file never outlives the process by more than its
//! next start.
