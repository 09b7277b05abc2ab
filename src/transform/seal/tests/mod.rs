mod cases;
mod limits;
mod made;
mod random;
mod read;
