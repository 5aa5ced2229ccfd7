//! Link arguments of the shared library; for the model, the rules with their switches.

#[cfg(feature = "model")]
#[path = "model/instrument.rs"]
mod instrument;

fn main() {
    // A client may unload the module while its own threads still hold our code on their stacks,
    // and exit handlers of the crypto library must stay mapped.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "model")]
    {
        let out = std::env::var_os("OUT_DIR").expect("cargo sets it");
        instrument::write("src".as_ref(), out.as_ref());
        println!("cargo:rerun-if-changed=model/instrument.rs");
    }
}
