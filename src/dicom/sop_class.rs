//! SOP classes that the gateway knows by name, and their families (PS3.4, PS3.6 table A-1).
