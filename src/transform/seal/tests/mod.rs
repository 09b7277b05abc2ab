mod cases;
mod made;
mod random;
mod read;
