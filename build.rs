//! Link arguments of the shared library.

fn main() {
    // A client may unload the module while its own threads still hold our code on their stacks,
    // and exit handlers of the crypto library must stay mapped.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rerun-if-changed=build.rs");
}
