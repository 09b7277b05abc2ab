//! The upper layer state machine (PS3.8 9.2), both roles. Time is handed in; deadlines are handed out. It never owns a socket.
