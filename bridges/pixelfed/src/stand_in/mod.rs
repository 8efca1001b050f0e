//! A Pixelfed server that answers as the real one was recorded to.
