//! `tenon byok`, with the openssl program as the outside party.

mod life;
mod openssl;
mod wrap;
