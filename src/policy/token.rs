//! What a caller may do with the token itself, whatever its objects are.

use crate::ck;
use crate::error::{Error, refuse};

use super::facts::Login;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenAction {
    /// C_Login as the user or the security officer.
    LogIn(Login),
    /// The same while this application has a read-only session open.
    LogInBesideReadOnly(Login),
    /// C_Login with CKU_CONTEXT_SPECIFIC.
    LogInAgain,
    /// C_Logout.
    LogOut,
    /// C_OpenSession without CKF_RW_SESSION.
    OpenReadOnlySession,
    /// C_InitPIN.
    SetUserPin,
    /// C_SetPIN.
    SetOwnPin { read_write: bool },
    /// Give the token another label.
    Rename,
    /// Take the clock's present reading as the token's mark of time.
    AcceptClock,
    /// Erase everything that is due, from a session.
    Sweep { read_write: bool },
}

/// Whether a caller of this login may do `action` with the token.
///
/// # Errors
/// CKR_USER_ALREADY_LOGGED_IN, CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_SESSION_READ_WRITE_SO_EXISTS,
/// CKR_SESSION_READ_ONLY_EXISTS, CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN.
pub(crate) fn decide_on_token(action: TokenAction, login: Login) -> Result<(), Error> {
    match (action, login) {
        (TokenAction::LogIn(_), Login::Public) => Ok(()),
        (TokenAction::LogIn(wanted), login) if wanted == login => {
            refuse(ck::CKR_USER_ALREADY_LOGGED_IN, "already logged in")
        }
        (TokenAction::LogIn(_), Login::User | Login::So) => refuse(
            ck::CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
            "another user is logged in: log out first",
        ),
        (TokenAction::LogInBesideReadOnly(Login::So), _) => refuse(
            ck::CKR_SESSION_READ_ONLY_EXISTS,
            "the security officer cannot log in while a read-only session is open",
        ),
        (TokenAction::LogInBesideReadOnly(Login::Public | Login::User), _) => Ok(()),
        (TokenAction::LogInAgain | TokenAction::LogOut, Login::Public) => {
            refuse(ck::CKR_USER_NOT_LOGGED_IN, "nobody is logged in")
        }
        (TokenAction::LogInAgain | TokenAction::LogOut, Login::User | Login::So) => Ok(()),
        (TokenAction::SetOwnPin { read_write: true }, _) => Ok(()),
        (TokenAction::SetOwnPin { read_write: false }, _) => refuse(
            ck::CKR_SESSION_READ_ONLY,
            "changing a PIN needs a read/write session",
        ),
        (TokenAction::Sweep { .. }, Login::Public) => {
            refuse(ck::CKR_USER_NOT_LOGGED_IN, "sweeping needs a login")
        }
        (TokenAction::Sweep { read_write: true }, Login::User | Login::So) => Ok(()),
        (TokenAction::Sweep { read_write: false }, Login::User | Login::So) => refuse(
            ck::CKR_SESSION_READ_ONLY,
            "sweeping needs a read/write session",
        ),
        (TokenAction::OpenReadOnlySession, Login::So) => refuse(
            ck::CKR_SESSION_READ_WRITE_SO_EXISTS,
            "the security officer is logged in: only read/write sessions can be opened",
        ),
        (TokenAction::OpenReadOnlySession, Login::Public | Login::User) => Ok(()),
        (TokenAction::SetUserPin | TokenAction::AcceptClock | TokenAction::Rename, Login::So) => {
            Ok(())
        }
        (TokenAction::Rename, Login::Public | Login::User) => refuse(
            ck::CKR_USER_NOT_LOGGED_IN,
            "the security officer gives a token its label",
        ),
        (TokenAction::SetUserPin, Login::Public | Login::User) => refuse(
            ck::CKR_USER_NOT_LOGGED_IN,
            "setting the user's PIN needs the security officer's login",
        ),
        (TokenAction::AcceptClock, Login::Public | Login::User) => refuse(
            ck::CKR_USER_NOT_LOGGED_IN,
            "accepting the clock needs the security officer's login",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_itself_is_open_to_each_login_as_the_specification_says() {
        let (public, user, so) = (Login::Public, Login::User, Login::So);
        for (action, refused) in [
            (
                TokenAction::LogIn(user),
                [
                    0,
                    ck::CKR_USER_ALREADY_LOGGED_IN,
                    ck::CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
                ],
            ),
            (
                TokenAction::LogIn(so),
                [
                    0,
                    ck::CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
                    ck::CKR_USER_ALREADY_LOGGED_IN,
                ],
            ),
            (
                TokenAction::LogInBesideReadOnly(so),
                [ck::CKR_SESSION_READ_ONLY_EXISTS; 3],
            ),
            (TokenAction::LogInBesideReadOnly(user), [0; 3]),
            (TokenAction::LogInAgain, [ck::CKR_USER_NOT_LOGGED_IN, 0, 0]),
            (TokenAction::LogOut, [ck::CKR_USER_NOT_LOGGED_IN, 0, 0]),
            (TokenAction::SetOwnPin { read_write: true }, [0; 3]),
            (
                TokenAction::SetOwnPin { read_write: false },
                [ck::CKR_SESSION_READ_ONLY; 3],
            ),
            (
                TokenAction::OpenReadOnlySession,
                [0, 0, ck::CKR_SESSION_READ_WRITE_SO_EXISTS],
            ),
            (
                TokenAction::SetUserPin,
                [ck::CKR_USER_NOT_LOGGED_IN, ck::CKR_USER_NOT_LOGGED_IN, 0],
            ),
            (
                TokenAction::Rename,
                [ck::CKR_USER_NOT_LOGGED_IN, ck::CKR_USER_NOT_LOGGED_IN, 0],
            ),
            (
                TokenAction::AcceptClock,
                [ck::CKR_USER_NOT_LOGGED_IN, ck::CKR_USER_NOT_LOGGED_IN, 0],
            ),
        ] {
            let answer =
                |login| decide_on_token(action, login).map_or_else(|e| e.rv, |()| ck::CKR_OK);
            assert_eq!([public, user, so].map(answer), refused, "{action:?}");
        }
    }
}
