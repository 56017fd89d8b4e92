//! What the jobs give: something, or why not.

use std::error::Error;

pub type Outcome<T> = Result<T, Box<dyn Error>>;
