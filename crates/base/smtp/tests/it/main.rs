//! Dialogues as text files, the machines under random cuts, and both drivers over loopback sockets.

mod client_dialogues;
mod cuts;
mod drivers;
mod entrances;
mod hostile;
mod kit;
mod server_dialogues;
