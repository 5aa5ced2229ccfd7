//! Where the database is and who asks, as `store.url` says it in the words of libpq
//! (PostgreSQL documentation, section 34.1.1.2).

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

const PORT: u16 = 5432;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
// What is refused is not quoted: a password with a `/` or `?` in it may be anywhere.
const PORT_EXPECTED: &str = "behind a host's colon stands no number of a port; in a user or password / ? # @ : & and % are \
     percent-encoded (%2F %3F %23 %40 %3A %26 %25), and in a file `#` begins a comment";
const UNKNOWN: &str = "behind the question mark stands something other than host, port, user, dbname, password, passfile, \
     sslmode, sslrootcert, sslcert, sslkey, connect_timeout, target_session_attrs and application_name, each with its \
     value; in a password / ? # @ : & and % are percent-encoded";
/// What begins a URL of the engine.
const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];

/// A database of PostgreSQL, and how it is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Tried in this order.
    pub(crate) hosts: Vec<Host>,
    pub(crate) user: String,
    pub(crate) database: String,
    password: Option<Zeroizing<String>>,
    passfile: Option<PathBuf>,
    pub(crate) tls: Option<Tls>,
    pub(crate) connect_timeout: Duration,
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// A name or address; or, where it begins with a slash, the folder of a Unix socket.
    pub(crate) name: String,
    pub(crate) port: u16,
}

/// TLS whose peer is verified: by the roots in `roots`, and by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    /// PEM.
    pub(crate) roots: PathBuf,
    /// Certificate chain and private key of the client, PEM.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
}

impl Host {
    pub(crate) fn is_socket(&self) -> bool {
        self.name.starts_with('/')
    }

    fn is_loopback(&self) -> bool {
        let address = self.name.parse::<std::net::IpAddr>();
        self.name == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_socket() {
            return write!(f, "{}/.s.PGSQL.{}", self.name, self.port);
        }
        write!(f, "{}:{}", self.name, self.port)
    }
}

/// As it may be shown: without the password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.hosts.iter().map(ToString::to_string).collect();
        write!(
            f,
            "postgresql://{}@{}/{}",
            self.user,
            hosts.join(","),
            self.database
        )
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Target {
    /// Whether the URL itself has the password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Reads a URL. The error says what is wrong with it, without the password.
    ///
    /// # Errors
    /// In words: which part, and what it should be.
    pub fn parse(url: &str) -> Result<Self, String> {
        let rest = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme));
        let rest = rest.ok_or("expected postgresql://USER@HOST/DATABASE")?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = place.split_once('/').unwrap_or((place, ""));
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (login, None),
        };
        let mut words = Words {
            hosts: hosts.split(',').map(str::to_owned).collect(),
            user: decoded(user)?,
            database: decoded(database)?,
            password: password.map(decoded).transpose()?.map(Zeroizing::new),
            ..Words::default()
        };
        for word in query.split('&').filter(|word| !word.is_empty()) {
            let (name, value) = word.split_once('=').ok_or(UNKNOWN)?;
            words.take(name, decoded(value)?)?;
        }
        words.target()
    }

    /// The password, from the URL or from the password file: lines HOST:PORT:DATABASE:USER:PASSWORD, each
    /// of the first four may be `*`.
    ///
    /// # Errors
    /// In words, where the file cannot be read or others than its owner may read it.
    pub(crate) fn password(&self, host: &Host) -> Result<Option<Zeroizing<String>>, String> {
        if self.password.is_some() {
            return Ok(self.password.clone());
        }
        let Some(path) = &self.passfile else {
            return Ok(None);
        };
        let text = private_file(path)?;
        let wanted = [
            host.name.as_str(),
            &host.port.to_string(),
            &self.database,
            &self.user,
        ];
        let found = text.lines().find_map(|line| password_for(line, wanted));
        Ok(found.map(Zeroizing::new))
    }
}

/// What the URL says, before it is judged.
#[derive(Default)]
struct Words {
    hosts: Vec<String>,
    port: Option<String>,
    user: String,
    database: String,
    password: Option<Zeroizing<String>>,
    passfile: Option<PathBuf>,
    mode: Option<String>,
    roots: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    connect_timeout: Option<Duration>,
}

impl Words {
    fn take(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "host" => self.hosts = value.split(',').map(str::to_owned).collect(),
            "port" => self.port = Some(value),
            "user" => self.user = value,
            "dbname" => self.database = value,
            "password" => self.password = Some(Zeroizing::new(value)),
            "passfile" => self.passfile = Some(absolute(name, value)?),
            "sslmode" => self.mode = Some(value),
            "sslrootcert" => self.roots = Some(absolute(name, value)?),
            "sslcert" => self.certificate = Some(absolute(name, value)?),
            "sslkey" => self.key = Some(absolute(name, value)?),
            "connect_timeout" => {
                let seconds = value.parse().ok().filter(|seconds| *seconds > 0);
                let seconds = seconds.ok_or("`connect_timeout` is a number of seconds, from 1")?;
                self.connect_timeout = Some(Duration::from_secs(seconds));
            }
            // Every host of the list is asked whether it takes changes.
            "target_session_attrs" if matches!(&*value, "read-write" | "primary") => {}
            "target_session_attrs" => {
                return Err("`target_session_attrs` can be read-write or primary alone".into());
            }
            "application_name" => {}
            _ => return Err(UNKNOWN.into()),
        }
        Ok(())
    }

    fn target(self) -> Result<Target, String> {
        let hosts = hosts(&self.hosts, self.port.as_deref())?;
        if self.user.is_empty() {
            return Err("a user is missing: postgresql://USER@HOST/DATABASE".into());
        }
        let database = match self.database.is_empty() {
            true => self.user.clone(),
            false => self.database,
        };
        let tls = tls(
            &hosts,
            self.mode.as_deref(),
            self.roots,
            (self.certificate, self.key),
        )?;
        Ok(Target {
            hosts,
            user: self.user,
            database,
            password: self.password,
            passfile: self.passfile,
            tls,
            connect_timeout: self.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
        })
    }
}

fn hosts(names: &[String], ports: Option<&str>) -> Result<Vec<Host>, String> {
    let ports: Vec<_> = ports.map_or(Vec::new(), |ports| ports.split(',').collect());
    if ports.len() > 1 && ports.len() != names.len() {
        return Err("there are as many ports as hosts, or one".into());
    }
    let host = |(place, text): (usize, &String)| {
        let (name, port) = host_and_port(text)?;
        if name.is_empty() {
            return Err("a host is missing: postgresql://USER@HOST/DATABASE".to_owned());
        }
        let listed = ports.get(place).or(ports.first()).copied();
        let port = match port.or(listed) {
            None | Some("") => PORT,
            Some(port) => port.parse().map_err(|_| PORT_EXPECTED)?,
        };
        Ok(Host { name, port })
    };
    names.iter().enumerate().map(host).collect()
}

/// `NAME`, `NAME:PORT`, `[ADDRESS]` or `[ADDRESS]:PORT`.
fn host_and_port(text: &str) -> Result<(String, Option<&str>), String> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest
            .split_once(']')
            .ok_or("an address in brackets lacks the closing one")?;
        return Ok((address.to_owned(), rest.strip_prefix(':')));
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    Ok((decoded(name)?, port))
}

/// What goes over a network is encrypted, and the server is verified.
fn tls(
    hosts: &[Host],
    mode: Option<&str>,
    roots: Option<PathBuf>,
    client: (Option<PathBuf>, Option<PathBuf>),
) -> Result<Option<Tls>, String> {
    let is_local = |host: &Host| host.is_socket() || host.is_loopback();
    if hosts.iter().all(Host::is_socket) {
        return Ok(None);
    }
    match mode {
        None | Some("verify-full") => {
            let client = match client {
                (None, None) => None,
                (Some(certificate), Some(key)) => Some((certificate, key)),
                _ => return Err("`sslcert` and `sslkey` come together".into()),
            };
            let roots = roots.ok_or(
                "`sslrootcert` is missing: the file with the certificate of the server's CA",
            )?;
            Ok(Some(Tls { roots, client }))
        }
        Some("disable") if hosts.iter().all(is_local) => Ok(None),
        Some("disable") => {
            Err("`sslmode=disable` is for Unix sockets and this machine alone".into())
        }
        Some(_) => Err("this `sslmode` does not make sure who answers: use verify-full".into()),
    }
}

fn absolute(name: &str, value: String) -> Result<PathBuf, String> {
    let path = PathBuf::from(value);
    match path.is_absolute() {
        true => Ok(path),
        false => Err(format!("`{name}` is not an absolute path")),
    }
}

/// Percent-encoding undone (RFC 3986, section 2.1).
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        (rest, _) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => {
                    bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                    (tail, ())
                }
                _ => return Err("a percent sign is not followed by two hexadecimal digits".into()),
            },
            (b'%', _) => {
                return Err("a percent sign is not followed by two hexadecimal digits".into());
            }
            _ => {
                bytes.push(*first);
                (tail, ())
            }
        };
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".into())
}

fn private_file(path: &Path) -> Result<Zeroizing<String>, String> {
    let failed = |error| format!("{}: {error}", path.display());
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!(
            "{}: others than its owner may read it; `chmod 600` it",
            path.display()
        ));
    }
    fs::read_to_string(path).map(Zeroizing::new).map_err(failed)
}

fn password_for(line: &str, wanted: [&str; 4]) -> Option<String> {
    let mut fields = vec![String::new()];
    let mut escaped = false;
    for character in line.chars() {
        match character {
            '\\' if !escaped => escaped = true,
            ':' if !escaped && fields.len() < 5 => fields.push(String::new()),
            _ => {
                escaped = false;
                fields.last_mut()?.push(character);
            }
        }
    }
    let [host, port, database, user, password] = <[String; 5]>::try_from(fields).ok()?;
    let given = [host, port, database, user];
    let fits = given
        .iter()
        .zip(wanted)
        .all(|(given, wanted)| given == "*" || given == wanted);
    fits.then_some(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, port: u16) -> Host {
        Host {
            name: name.into(),
            port,
        }
    }

    #[test]
    fn urls_are_read_in_the_words_of_libpq() {
        let target = Target::parse(
            "postgresql://tenon:a%40b@db1,db2:5433,[::1]/keys?sslmode=verify-full&sslrootcert=/ca.pem&connect_timeout=7",
        )
        .unwrap();
        assert_eq!(
            target.hosts,
            [host("db1", PORT), host("db2", 5433), host("::1", PORT)]
        );
        assert_eq!((&*target.user, &*target.database), ("tenon", "keys"));
        let password = target.password(&target.hosts[0]).unwrap();
        assert_eq!(password.as_deref().map(String::as_str), Some("a@b"));
        assert_eq!(
            target.tls.as_ref().map(|tls| &*tls.roots),
            Some(Path::new("/ca.pem"))
        );
        assert_eq!(target.connect_timeout, Duration::from_secs(7));
        assert!(!format!("{target:?} {target}").contains("a@b"));

        let socket = Target::parse("postgresql://tenon@%2Frun%2Fpg/").unwrap();
        assert_eq!(socket.hosts, [host("/run/pg", PORT)]);
        assert_eq!((&*socket.database, &socket.tls), ("tenon", &None));
        let listed = Target::parse("postgres://u@/d?host=/a,/b&port=1,2").unwrap();
        assert_eq!(listed.hosts, [host("/a", 1), host("/b", 2)]);
    }

    #[test]
    fn urls_that_would_trust_whoever_answers_are_refused() {
        for (url, what) in [
            ("mysql://u@h/d", "postgresql://"),
            ("postgresql://h/d", "user"),
            ("postgresql://u@h/d", "sslrootcert"),
            ("postgresql://u@h/d?sslmode=require", "verify-full"),
            ("postgresql://u@h/d?sslmode=disable", "this machine"),
            ("postgresql://u@h/d?sslrootcert=ca.pem", "absolute"),
            ("postgresql://u@h/d?sslcert=/c&sslrootcert=/r", "together"),
            ("postgresql://u@/d", "host"),
            ("postgresql://u@h/d?colour=red", "question mark"),
            ("postgresql://u:s3kr?et@h/d", "percent-encoded"),
            ("postgresql://u:s3kr/et@h/d", "percent-encoded"),
            ("postgresql://u:p@h/d?password=s3&kret", "percent-encoded"),
            ("postgresql://u@h:x/d", "port"),
            ("postgresql://u%4@h/d", "hexadecimal"),
        ] {
            let refused = Target::parse(url).unwrap_err();
            assert!(refused.contains(what), "{url}: {refused}");
            for secret in ["s3kr", "et@", "kret"] {
                assert!(!refused.contains(secret), "{url}: {refused}");
            }
        }
        assert!(Target::parse("postgresql://u@127.0.0.1/d?sslmode=disable").is_ok());
    }

    #[test]
    fn a_password_file_answers_for_its_host_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        fs::write(&path, "other:*:*:*:no\n*:5432:d:u:a\\:b\\\\c\n").unwrap();
        let url = format!(
            "postgresql://u@h/d?sslrootcert=/r&passfile={}",
            path.display()
        );
        let target = Target::parse(&url).unwrap();
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        assert!(
            target
                .password(&target.hosts[0])
                .unwrap_err()
                .contains("chmod")
        );
        mode(0o600);
        let password = |host| target.password(host).unwrap();
        assert_eq!(
            password(&target.hosts[0]).as_deref().map(String::as_str),
            Some("a:b\\c")
        );
        assert_eq!(password(&host("h", 1)), None);
    }
}
