//! Has the crate built anew when the UI was: the bundle in `web/dist` is embedded.

fn main() {
    println!("cargo::rerun-if-changed=../../web/dist");
}
