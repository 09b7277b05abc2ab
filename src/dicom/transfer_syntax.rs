//! Transfer syntaxes and the encoding of data sets that each means (PS3.5 10).
