//! Items and sub-items: type, reserved, two bytes of length, value (PS3.8 9.3.1).
