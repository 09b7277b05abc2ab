//! `dicomgate vault ...`: keys, probe, opening, sealing what an archive holds, drills.
