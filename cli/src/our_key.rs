//! A key of the token, as it computes.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::{Params, Request, find};
use tenon_pkcs11::api::out::Out;
use tenon_pkcs11::api::session::{
    Decrypt, Encrypt, Keyed, Operation, Phase, Produces, Sign, Verify,
};
use tenon_pkcs11::api::token::Handle;

use crate::object::value;
use crate::template::Template;
use crate::token::OpenSession;
use crate::{Result, public_key};

pub(crate) struct OurKey<'a> {
    pub(crate) open: &'a OpenSession,
    pub(crate) handle: Handle,
    /// The user's PIN, for keys with CKA_ALWAYS_AUTHENTICATE.
    pub(crate) pin: &'a [u8],
}

/// Room for every signature and text of a comparison.
const ROOM: usize = 4096;

impl OurKey<'_> {
    pub(crate) fn request(id: ck::CK_MECHANISM_TYPE, params: Params) -> Result<Request> {
        let row = find(id).ok_or("this token lacks the mechanism")?;
        Ok(Request::new(row, params)?)
    }

    pub(crate) fn sign(&self, request: Request, data: &[u8]) -> Result<Vec<u8>> {
        self.compute(Sign, request, data)
    }

    pub(crate) fn encrypt(&self, request: Request, data: &[u8]) -> Result<Vec<u8>> {
        self.compute(Encrypt, request, data)
    }

    pub(crate) fn decrypt(&self, request: Request, data: &[u8]) -> Result<Vec<u8>> {
        self.compute(Decrypt, request, data)
    }

    fn compute<O>(&self, operation: O, request: Request, data: &[u8]) -> Result<Vec<u8>>
    where
        O: Keyed + Operation<Active: Produces> + Copy,
    {
        let session = &self.open.session;
        session.init(operation, request, self.handle)?;
        let again = value(session, self.handle, ck::CKA_ALWAYS_AUTHENTICATE)?;
        if again.is_some_and(|again| again == [ck::CK_TRUE]) {
            session.login(ck::CKU_CONTEXT_SPECIFIC, self.pin)?;
        }
        let mut buffer = vec![0; ROOM];
        let mut out = Out::new(Some(&mut buffer));
        session.step(operation, Phase::Whole, |active| {
            active.produce(data, &mut out)
        })?;
        let len = out.len();
        buffer.truncate(len);
        Ok(buffer)
    }

    /// Whether the public key of this private key accepts the signature.
    pub(crate) fn accepts(&self, request: Request, data: &[u8], signature: &[u8]) -> Result<bool> {
        let session = &self.open.session;
        let spki = value(session, self.handle, ck::CKA_PUBLIC_KEY_INFO)?.unwrap_or_default();
        let template = Template::of_class(ck::CKO_PUBLIC_KEY)
            .flag(ck::CKA_TOKEN, false)
            .flag(ck::CKA_VERIFY, true);
        let template = public_key::add(template, &spki)?;
        let public = session.create_object(template.as_slice())?;
        session.init(Verify, request, public)?;
        let verified = session.step(Verify, Phase::Whole, |active| {
            active.verify(data, signature)
        });
        session.destroy_object(public)?;
        match verified {
            Ok(()) => Ok(true),
            Err(error)
                if matches!(
                    error.rv,
                    ck::CKR_SIGNATURE_INVALID | ck::CKR_SIGNATURE_LEN_RANGE
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The secret that this key agrees on with the owner of its own public key.
    pub(crate) fn agree(&self, request: Request) -> Result<Vec<u8>> {
        let session = &self.open.session;
        let template = Template::of_class(ck::CKO_SECRET_KEY)
            .number(ck::CKA_KEY_TYPE, ck::CKK_GENERIC_SECRET)
            .flag(ck::CKA_TOKEN, false)
            .flag(ck::CKA_SENSITIVE, false)
            .flag(ck::CKA_EXTRACTABLE, true);
        let made = session.derive_key(request, self.handle, template.as_slice())?;
        let secret = value(session, made, ck::CKA_VALUE)?;
        session.destroy_object(made)?;
        Ok(secret.ok_or("the derived secret cannot be read")?)
    }

    /// A known key, wrapped by this one.
    pub(crate) fn wrap(&self, request: Request, known: &[u8]) -> Result<Vec<u8>> {
        let session = &self.open.session;
        let template = Template::of_class(ck::CKO_SECRET_KEY)
            .number(ck::CKA_KEY_TYPE, ck::CKK_GENERIC_SECRET)
            .flag(ck::CKA_TOKEN, false)
            .flag(ck::CKA_EXTRACTABLE, true)
            .bytes(ck::CKA_VALUE, known);
        let key = session.create_object(template.as_slice())?;
        let mut buffer = vec![0; ROOM];
        let mut out = Out::new(Some(&mut buffer));
        let wrapped = session.wrap_key(request, self.handle, key, &mut out);
        let len = out.len();
        session.destroy_object(key)?;
        wrapped?;
        buffer.truncate(len);
        Ok(buffer)
    }
}
