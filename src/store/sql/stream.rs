//! A socket to a server, perhaps with TLS.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Reader, SliceReader};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sha2::{Digest, Sha256, Sha384, Sha512};
use spki::AlgorithmIdentifierRef;

use crate::clock::Deadline;
use crate::config::{Host, Target, Tls};
use crate::store::listed::Listed;

/// What goes in before TLS begins (PostgreSQL documentation, section 55.7: SSLRequest).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// The system takes a wait of 0 for an endless one, or refuses it.
const SHORTEST: Duration = Duration::from_millis(1);

pub(super) enum Stream {
    Local(Listed<UnixStream>),
    Plain(Listed<TcpStream>),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

/// The socket below TLS.
pub(super) struct Socket(Listed<TcpStream>);

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Stream {
    /// A connection to `host`, with TLS where the target asks for it and the host is reached by a network.
    pub(super) fn open(target: &Target, host: &Host, deadline: Deadline) -> io::Result<Self> {
        let wait = target.connect_timeout.min(deadline.left());
        if host.is_socket() {
            let path = host.to_string();
            return Ok(Self::Local(Listed::of(UnixStream::connect(path)?)));
        }
        let mut socket = connect(host, wait.max(SHORTEST))?;
        socket.set_nodelay(true)?;
        let Some(tls) = &target.tls else {
            return Ok(Self::Plain(socket));
        };
        set_timeouts(&socket, wait)?;
        socket.write_all(&SSL_REQUEST)?;
        let mut answer = [0];
        socket.read_exact(&mut answer)?;
        if answer != *b"S" {
            return Err(io::Error::other("the server does not offer TLS"));
        }
        let name = ServerName::try_from(host.name.clone()).map_err(io::Error::other)?;
        let config = config(tls).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, Socket(socket));
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self::Tls(Box::new(stream)))
    }

    /// How long a read or write waits at most, from now on.
    pub(super) fn set_timeout(&self, wait: Duration) -> io::Result<()> {
        let wait = wait.max(SHORTEST);
        match self {
            Self::Local(socket) => {
                socket.set_read_timeout(Some(wait))?;
                socket.set_write_timeout(Some(wait))
            }
            Self::Plain(socket) => set_timeouts(socket, wait),
            Self::Tls(stream) => set_timeouts(&stream.sock.0, wait),
        }
    }

    /// False in a child of the process that opened it.
    pub(super) fn is_of_this_process(&self) -> bool {
        match self {
            Self::Local(socket) => socket.is_of_this_process(),
            Self::Plain(socket) => socket.is_of_this_process(),
            Self::Tls(stream) => stream.sock.0.is_of_this_process(),
        }
    }

    /// Ends the connection at once, without a word to the server.
    pub(super) fn shut(&self) {
        let _ = match self {
            Self::Local(socket) => socket.shutdown(Shutdown::Both),
            Self::Plain(socket) => socket.shutdown(Shutdown::Both),
            Self::Tls(stream) => stream.sock.0.shutdown(Shutdown::Both),
        };
    }

    /// The version of TLS, for example `TLSv1.3`; `None` without.
    pub(super) fn encryption(&self) -> Option<String> {
        let Self::Tls(stream) = self else {
            return None;
        };
        let version = stream.conn.protocol_version()?;
        version.as_str().map(|name| name.replace('_', "."))
    }

    /// What binds a login to this connection: the hash of the server's certificate (RFC 5929, section 4.1). `None`
    /// without TLS, and where the certificate's signature names no hash.
    pub(super) fn server_end_point(&self) -> Option<Vec<u8>> {
        let Self::Tls(stream) = self else {
            return None;
        };
        end_point(stream.conn.peer_certificates()?.first()?)
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Local(socket) => socket.read(into),
            Self::Plain(socket) => socket.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Local(socket) => socket.write(bytes),
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Local(socket) => socket.flush(),
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Names are looked up in the calling thread.
fn connect(host: &Host, wait: Duration) -> io::Result<Listed<TcpStream>> {
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for address in (host.name.as_str(), host.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, wait) {
            Ok(socket) => return Ok(Listed::of(socket)),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn set_timeouts(socket: &TcpStream, wait: Duration) -> io::Result<()> {
    let wait = Some(wait.max(SHORTEST));
    socket.set_read_timeout(wait)?;
    socket.set_write_timeout(wait)
}

fn config(tls: &Tls) -> Result<ClientConfig, String> {
    let failed = |path: &std::path::Path, error: &dyn std::fmt::Display| {
        format!("{}: {error}", path.display())
    };
    let certificates = |path: &std::path::Path| {
        let text = fs::read(path).map_err(|error| failed(path, &error))?;
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        match all {
            Ok(all) if !all.is_empty() => Ok(all),
            Ok(_) => Err(failed(path, &"no certificate in it")),
            Err(error) => Err(failed(path, &error)),
        }
    };
    let mut roots = RootCertStore::empty();
    for root in certificates(&tls.roots)? {
        roots
            .add(root)
            .map_err(|error| failed(&tls.roots, &error))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    match &tls.client {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => {
            let private = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, &error))?;
            builder
                .with_client_auth_cert(certificates(chain)?, private)
                .map_err(|error| failed(chain, &error))
        }
    }
}

/// The hash that the certificate's signature uses; SHA-256 in the place of MD5 and SHA-1.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    const SHA256: [&str; 4] = [
        "1.2.840.113549.1.1.4",
        "1.2.840.113549.1.1.5",
        "1.2.840.113549.1.1.11",
        "1.2.840.10045.4.3.2",
    ];
    const SHA384: [&str; 2] = ["1.2.840.113549.1.1.12", "1.2.840.10045.4.3.3"];
    const SHA512: [&str; 2] = ["1.2.840.113549.1.1.13", "1.2.840.10045.4.3.4"];
    let whole = AnyRef::from_der(certificate).ok()?;
    let mut reader = SliceReader::new(whole.value()).ok()?;
    reader.decode::<AnyRef<'_>>().ok()?;
    let algorithm: AlgorithmIdentifierRef<'_> = reader.decode().ok()?;
    reader.decode::<BitStringRef<'_>>().ok()?;
    let name = algorithm.oid.to_string();
    let is_among = |names: &[&str]| names.contains(&name.as_str());
    if is_among(&SHA256) {
        return Some(Sha256::digest(certificate).to_vec());
    }
    if is_among(&SHA384) {
        return Some(Sha384::digest(certificate).to_vec());
    }
    is_among(&SHA512).then(|| Sha512::digest(certificate).to_vec())
}
