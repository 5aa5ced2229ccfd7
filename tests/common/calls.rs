//! Operations by the names of the C functions.

use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::Request;
use tenon_pkcs11::api::out::Out;
use tenon_pkcs11::api::session::{
    After, Decrypt, Digest, Encrypt, Keyed, Operation, Phase, Produces, Session, Sign, Takes,
    Verify,
};
use tenon_pkcs11::api::token::Handle;

/// A step with output.
fn produce<O: Operation<Active: Produces>>(
    session: &Session,
    operation: O,
    phase: Phase,
    input: &[u8],
    out: &mut Out<'_>,
) -> Result<()> {
    session.step(operation, phase, |active| active.produce(input, out))
}

/// A step that takes a part.
fn take<O: Operation<Active: Takes>>(session: &Session, operation: O, part: &[u8]) -> Result<()> {
    session.step(operation, Phase::Update, |active| {
        Ok(After::GoesOn(active.take(part)?))
    })
}

/// The last step of a verification.
fn verify(session: &Session, phase: Phase, rest: &[u8], signature: &[u8]) -> Result<()> {
    session.step(Verify, phase, |active| active.verify(rest, signature))
}

macro_rules! calls {
    ($(fn $name:ident(&$session:ident $(, $argument:ident: $type:ty)*) $body:expr;)+) => {
        /// Operations by the names of the C functions.
        pub(crate) trait Calls {
            $(fn $name(&self $(, $argument: $type)*) -> Result<()>;)+
        }

        impl Calls for Session {
            $(fn $name(&self $(, $argument: $type)*) -> Result<()> {
                let $session = self;
                $body
            })+
        }
    };
}

calls! {
    fn encrypt_init(&session, request: Request, key: Handle) session.init(Encrypt, request, key);
    fn encrypt(&session, data: &[u8], out: &mut Out<'_>) produce(session, Encrypt, Phase::Whole, data, out);
    fn encrypt_update(&session, part: &[u8], out: &mut Out<'_>) produce(session, Encrypt, Phase::Update, part, out);
    fn encrypt_final(&session, out: &mut Out<'_>) produce(session, Encrypt, Phase::Final, &[], out);
    fn decrypt_init(&session, request: Request, key: Handle) session.init(Decrypt, request, key);
    fn decrypt(&session, data: &[u8], out: &mut Out<'_>) produce(session, Decrypt, Phase::Whole, data, out);
    fn decrypt_update(&session, part: &[u8], out: &mut Out<'_>) produce(session, Decrypt, Phase::Update, part, out);
    fn decrypt_final(&session, out: &mut Out<'_>) produce(session, Decrypt, Phase::Final, &[], out);
    fn sign_init(&session, request: Request, key: Handle) session.init(Sign, request, key);
    fn sign(&session, data: &[u8], out: &mut Out<'_>) produce(session, Sign, Phase::Whole, data, out);
    fn sign_update(&session, part: &[u8]) take(session, Sign, part);
    fn sign_final(&session, out: &mut Out<'_>) produce(session, Sign, Phase::Final, &[], out);
    fn verify_init(&session, request: Request, key: Handle) session.init(Verify, request, key);
    fn verify(&session, data: &[u8], signature: &[u8]) verify(session, Phase::Whole, data, signature);
    fn verify_update(&session, part: &[u8]) take(session, Verify, part);
    fn verify_final(&session, signature: &[u8]) verify(session, Phase::Final, &[], signature);
    fn digest(&session, data: &[u8], out: &mut Out<'_>) produce(session, Digest, Phase::Whole, data, out);
    fn digest_update(&session, part: &[u8]) take(session, Digest, part);
    fn digest_final(&session, out: &mut Out<'_>) produce(session, Digest, Phase::Final, &[], out);
}
