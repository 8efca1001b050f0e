//! PeerTube as a destination, against the stand-in: sign-in, uploads over everything that goes wrong, looks, imports.

mod chaos;
mod extras;
mod imports;
mod looking;
mod place;
mod rig;
mod tokens;
mod uploads;
