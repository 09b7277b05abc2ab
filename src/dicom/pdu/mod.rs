//! Protocol data units (PS3.8 9.3), one kind a file; P-DATA comes out as slices. It never buffers what a length merely announces.
