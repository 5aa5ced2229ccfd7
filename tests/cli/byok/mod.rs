//! `tenon byok`, with the openssl program as the outside party.

mod openssl;
mod wrap;
