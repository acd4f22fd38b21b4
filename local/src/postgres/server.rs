//! The server of one cluster: its command line, and bringing it up.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};

use super::{
    binaries::Installation,
    connection::{self, Answer, DATABASE, MAINTENANCE, identifier},
    error::PostgresError,
    location::Location,
    lock::FolderLock,
    log::Log,
    options::Options,
    postmaster::{Postmaster, pid_file, remove_stale_pid_file},
    socket,
};

/// How long a start may take. Recovery after a crash of a busy server takes its time.
const START_TIMEOUT: Duration = Duration::from_mins(5);

/// How long the last processes of a killed postmaster may take to end.
const ORPHANS_TIMEOUT: Duration = Duration::from_secs(15);

const POLL: Duration = Duration::from_millis(10);

/// What a server says that finds processes of a killed predecessor.
const ORPHANS: [&str; 2] = ["pre-existing shared memory block", "lock file \"postmaster.pid\""];

/// Everything needed to bring a cluster's server up, as often as it takes.
#[derive(Debug)]
pub(super) struct Server {
    location: Location,
    lock: FolderLock,
    program: PathBuf,
    arguments: Vec<OsString>,
    port: String,
}

impl Server {
    /// The server for a cluster that we have the lock of.
    pub(super) fn new(location: Location, lock: FolderLock, installation: &Installation, options: &Options) -> Self {
        let port = options.settings.iter().rfind(|(name, _)| name == "port");
        let port = port.map_or_else(|| "5432".to_owned(), |(_, port)| port.clone());
        let arguments = arguments(&location, options);
        Self {
            program: installation.program("postgres"),
            location,
            lock,
            arguments,
            port,
        }
    }

    pub(super) fn url(&self) -> String {
        self.url_of(DATABASE)
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.location.log_file()
    }

    /// Whether the cluster is still ours to start.
    pub(super) fn is_ours(&self) -> bool {
        self.lock.is_in_place()
    }

    /// Takes over the server that already runs, or starts one, and returns once it answers.
    pub(super) async fn bring_up(&self) -> Result<Postmaster, PostgresError> {
        let begin = Instant::now();
        loop {
            let (mut postmaster, log) = self.take_over_or_start().await?;
            if self
                .answers_before_it_ends(&mut postmaster, &log, begin + START_TIMEOUT)
                .await?
            {
                return Ok(postmaster);
            }
            let hindered = ORPHANS.iter().any(|sign| log.text().contains(sign));
            if postmaster.is_ours() && !(hindered && begin.elapsed() < ORPHANS_TIMEOUT) {
                return Err(PostgresError::StartFailed {
                    log_file: self.log_file(),
                    tail: log.tail(),
                });
            }
            sleep(POLL * 10).await;
        }
    }

    /// Stops what an interrupted [`bring_up`](Self::bring_up) may have left running.
    pub(super) async fn stop_what_runs(&self) {
        if self.is_ours()
            && let Some(running) = Postmaster::running(&self.location.data())
        {
            running.stop().await;
        }
    }

    async fn take_over_or_start(&self) -> Result<(Postmaster, Log), PostgresError> {
        let data = self.location.data();
        if let Some(running) = Postmaster::running(&data) {
            if self.runs_with_our_arguments() {
                tracing::info!(pid = running.pid(), "taking over the Postgres that already runs");
                return Ok((running, Log::at_end(&self.location.log_file())));
            }
            tracing::info!(
                pid = running.pid(),
                "restarting the Postgres that already runs with other settings"
            );
            running.stop().await;
        }
        remove_stale_pid_file(&pid_file(&data), &data)?;
        let socket_lock = self
            .location
            .socket_folder()
            .join(format!(".s.PGSQL.{}.lock", self.port));
        remove_stale_pid_file(&socket_lock, &data)?;
        self.start()
    }

    /// Postgres notes its command line in the cluster.
    fn runs_with_our_arguments(&self) -> bool {
        let mut expected = self.program.as_os_str().as_bytes().to_vec();
        for argument in &self.arguments {
            expected.extend_from_slice(&[b" \"", argument.as_bytes(), b"\""].concat());
        }
        let noted = fs::read(self.location.data().join("postmaster.opts")).unwrap_or_default();
        noted.trim_ascii_end() == expected
    }

    fn start(&self) -> Result<(Postmaster, Log), PostgresError> {
        let identity = self.location.identity();
        let (log, file) = Log::open(&self.location.log_file(), identity)?;
        let output = file
            .try_clone()
            .map_err(PostgresError::io("open", &self.location.log_file()))?;
        let mut command = identity.command(&self.program);
        command
            .args(&self.arguments)
            .stdout(Stdio::from(output))
            .stderr(Stdio::from(file));
        let child = command.spawn().map_err(PostgresError::io("run", &self.program))?;
        let postmaster = Postmaster::started(child, self.location.data());
        Ok((postmaster.map_err(PostgresError::io("run", &self.program))?, log))
    }

    /// False if it ended instead.
    async fn answers_before_it_ends(
        &self,
        postmaster: &mut Postmaster,
        log: &Log,
        deadline: Instant,
    ) -> Result<bool, PostgresError> {
        tokio::select! {
            () = postmaster.ended() => Ok(false),
            answered = timeout(deadline.saturating_duration_since(Instant::now()), self.answers()) => {
                answered.unwrap_or_else(|_| Err(self.no_answer(log))).map(|()| true)
            }
        }
    }

    async fn answers(&self) -> Result<(), PostgresError> {
        loop {
            match connection::probe(&self.url()).await {
                Answer::Ready => return Ok(()),
                Answer::NoDatabase => self.create_database().await?,
                Answer::NotNow => sleep(POLL).await,
                Answer::Refused(error) => return Err(PostgresError::database("Postgres refused us")(error)),
            }
        }
    }

    async fn create_database(&self) -> Result<(), PostgresError> {
        let client = connection::connect(&self.url_of(MAINTENANCE)).await?;
        let created = client
            .batch_execute(&format!("CREATE DATABASE {}", identifier(DATABASE)))
            .await;
        created.map_err(PostgresError::database("could not create the database"))
    }

    fn url_of(&self, database: &str) -> String {
        connection::url(self.location.socket_folder(), &self.port, database)
    }

    fn no_answer(&self, log: &Log) -> PostgresError {
        PostgresError::NoAnswer {
            log_file: self.log_file(),
            tail: log.tail(),
        }
    }
}

fn arguments(location: &Location, options: &Options) -> Vec<OsString> {
    let mut socket_setting = OsString::from("unix_socket_directories=");
    socket_setting.push(socket::quoted(location.socket_folder()));
    let data = location.data().into_os_string();
    let mut arguments = vec![OsString::from("-D"), data, OsString::from("-c"), socket_setting];
    for (name, value) in settings(options) {
        arguments.push(OsString::from("-c"));
        arguments.push(OsString::from(OsStr::new(&format!("{name}={value}"))));
    }
    arguments
}

/// The settings that don't depend on the place; the later of two wins.
fn settings(options: &Options) -> Vec<(&str, &str)> {
    let mut settings = vec![
        ("listen_addresses", ""),
        ("port", "5432"),
        ("unix_socket_permissions", "0700"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("logging_collector", "off"),
        ("log_destination", "stderr"),
        ("log_line_prefix", "%m [%p] %q%d "),
        // The detail of an error quotes rows: e-mail addresses and what users wrote.
        ("log_error_verbosity", "terse"),
    ];
    if !options.durable {
        settings.extend([
            ("fsync", "off"),
            ("synchronous_commit", "off"),
            ("full_page_writes", "off"),
        ]);
    }
    settings.extend(
        options
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    settings
}
