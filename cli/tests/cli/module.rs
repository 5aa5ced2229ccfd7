//! Where the program finds the module, which `tenon demo` loads.

use std::fs;
use std::process::Command;

use super::common::{Answer, Desk};

const FILE_NAME: &str = "libtenon_pkcs11.so";

#[test]
fn the_module_of_an_installation_is_found() {
    for place in ["bin", "lib", "lib/pkcs11", "lib64/pkcs11"] {
        let desk = Desk::empty();
        for folder in ["bin", place] {
            fs::create_dir_all(desk.path(folder)).unwrap();
        }
        let program = desk.copy_program("bin/tenon");
        let module = format!("{place}/{FILE_NAME}");
        desk.write(&module, "no library");
        let mut command = Command::new(program);
        command.arg("demo").env_clear();
        Answer::of(&mut command).refused(1, &["cannot load", &module]);
    }
}

#[test]
fn a_variable_names_the_module() {
    let desk = Desk::empty();
    desk.run_with(&[("TENON_MODULE", "/absent/module.so")], &["demo"])
        .refused(1, &["cannot load /absent/module.so"]);
    desk.run_with(
        &[("TENON_MODULE", "/absent/module.so")],
        &["demo", "--module", "/named/module.so"],
    )
    .refused(1, &["cannot load /named/module.so"]);
}
