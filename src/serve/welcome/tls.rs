//! TLS for client connections: the handshake, and certificates that are renewed while connections come in.
//!
//! What changed on disk holds for the next handshake; whoever is connected stays so. Files that cannot be used
//! change nothing: the certificate in use is better than none.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use crate::config::{self, TlsFaults};
use crate::telemetry::Metrics;

/// What clients are met with; shared by all workers of a listener.
pub struct Tls {
    settings: config::Tls,
    in_use: ArcSwap<ServerConfig>,
    /// The files as they were when they were last read.
    read: Mutex<Vec<Option<Stamp>>>,
    metrics: Arc<Metrics>,
}

/// By what a file is known to have changed: when it was modified, its length and which file it is.
type Stamp = (Option<SystemTime>, u64, u64);

impl Tls {
    /// Reads the files that these settings name.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn new(settings: &config::Tls, metrics: &Arc<Metrics>) -> Result<Arc<Tls>, TlsFaults> {
        // Looked at before they are read: what changes in between is seen the next time.
        let read = Mutex::new(stamps(settings));
        let in_use = ArcSwap::from_pointee(speaking(settings.load()?));
        Ok(Arc::new(Tls { settings: settings.clone(), in_use, read, metrics: Arc::clone(metrics) }))
    }

    /// Reads the files again, and meets the next clients with what they hold. Blocking.
    ///
    /// # Errors
    /// Everything that is wrong with them; then all stays as it was.
    pub fn reload(&self) -> Result<(), TlsFaults> {
        *self.read.lock() = stamps(&self.settings);
        let loaded = self.settings.load();
        let outcome = if loaded.is_ok() { "done" } else { "failed" };
        self.metrics.tls_reloads.with_label_values(&[outcome]).inc();
        match loaded {
            Ok(config) => self.in_use.store(Arc::new(speaking(config))),
            Err(faults) => {
                tracing::error!(%faults, "the changed certificates are not used; those in use stay");
                return Err(faults);
            }
        }
        tracing::info!("the changed certificates are in use");
        Ok(())
    }

    /// Shakes hands with a client. For as long as it takes.
    pub(super) async fn accept(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.in_use.load_full()).accept(socket).await
    }

    fn has_changed(&self) -> bool {
        *self.read.lock() != stamps(&self.settings)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn speaking(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

fn stamps(settings: &config::Tls) -> Vec<Option<Stamp>> {
    let files = [Some(&settings.certificate), Some(&settings.key), settings.clients.issuers()];
    files.into_iter().flatten().map(PathBuf::as_path).map(stamp).collect()
}

/// `None` while it is not there.
fn stamp(file: &Path) -> Option<Stamp> {
    let about = std::fs::metadata(file).ok()?;
    Some((about.modified().ok(), about.len(), about.ino()))
}

/// The thread that looks whether the files have changed. Polling, because certificates are also renewed by
/// moving links and on file systems that tell nobody.
#[derive(Debug)]
pub(in crate::serve) struct Watch {
    thread: JoinHandle<()>,
    /// Dropped, it ends the thread.
    stop: mpsc::Sender<()>,
}

impl Watch {
    pub(in crate::serve) fn start(tls: Arc<Tls>) -> io::Result<Watch> {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new().name("certificates".to_owned());
        let thread = thread.spawn(move || {
            while stopped.recv_timeout(PERIOD) == Err(mpsc::RecvTimeoutError::Timeout) {
                if tls.has_changed() {
                    // Logged and counted there, and tried again when they have changed once more.
                    let _ = tls.reload();
                }
            }
        })?;
        Ok(Watch { thread, stop })
    }

    /// Blocking, for no longer than reading the files takes.
    pub(in crate::serve) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread that watches certificates panicked");
        }
    }
}

const PERIOD: Duration = Duration::from_secs(2);
