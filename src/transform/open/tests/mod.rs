mod added;
mod hand;
mod hostile;
mod kept;
mod merged;
mod opened;
