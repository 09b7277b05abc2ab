//! One connection to PostgreSQL.

use super::fault::{explain, unreachable_because};
use super::target::Target;
use crate::net::dial;
use crate::state::StateFault;
use crate::state::row::{Row, Value};
use crate::state::store::{BEGIN, Question, VERSION, steps_from};
use bytes::BytesMut;
use socket2::{SockRef, TcpKeepalive};
use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A connection on which nothing was said for so long is asked whether it is still there.
const IDLE: Duration = Duration::from_secs(30);
/// Held while the tables are made, so that of several gateways one makes them: "dicomgat" as a number.
const LOCK: i64 = 0x6469_636f_6d67_6174;

/// One connection, asked many things at once. Its statements are prepared once.
pub struct Link {
    client: Client,
    prepared: Mutex<HashMap<&'static str, Statement>>,
    task: AbortHandle,
}

impl Link {
    /// Connects, and makes the tables where there are none.
    pub async fn open(target: &Target, within: Duration) -> Result<Self, StateFault> {
        let opening = async {
            let stream = dial::tcp(&target.address, None, within)
                .await
                .map_err(|fault| unreachable_because(&target.address, &fault))?;
            let (client, task) = greet(target, stream).await?;
            let link = Self { client, prepared: Mutex::default(), task: task.abort_handle() };
            link.prepare_session(within).await?;
            Ok(link)
        };
        tokio::time::timeout(within, opening)
            .await
            .unwrap_or_else(|_| Err(StateFault::Away(format!("`{}` does not answer in time", target.address))))
    }

    /// Whether the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Ends the connection at once; who still waits for an answer hears that there is none.
    pub fn kill(&self) {
        self.task.abort();
    }

    /// Runs one statement.
    pub async fn ask(&self, question: &Question) -> Result<Vec<Row>, StateFault> {
        let known = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(question.sql).cloned();
        let statement = match known {
            Some(statement) => statement,
            None => {
                let fresh = self.client.prepare(&question.sql.replace('?', "$")).await.map_err(|why| explain(&why))?;
                let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
                prepared.entry(question.sql).or_insert(fresh).clone()
            }
        };
        let values: Vec<&(dyn ToSql + Sync)> = question.values.iter().map(|value| value as _).collect();
        if question.counted {
            let changed = self.client.execute(&statement, &values).await.map_err(|why| explain(&why))?;
            return Ok(vec![vec![Value::Int(i64::try_from(changed).unwrap_or(i64::MAX))]]);
        }
        let rows = self.client.query(&statement, &values).await.map_err(|why| explain(&why))?;
        rows.iter()
            .map(|row| (0..row.len()).map(|column| row.try_get(column)).collect::<Result<Row, _>>())
            .collect::<Result<_, _>>()
            .map_err(|why| explain(&why))
    }

    async fn prepare_session(&self, within: Duration) -> Result<(), StateFault> {
        // What takes too long is ended by the server, which then still answers. A report must outlive a crash of the
        // server, so where it is set to promise less, this session asks for more.
        let limit = within.as_millis().max(1);
        let settings = format!(
            "SET statement_timeout = {limit}; \
             SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';"
        );
        self.client.batch_execute(&settings).await.map_err(|why| explain(&why))?;
        match self.version().await {
            Ok(Some(VERSION)) => Ok(()),
            Ok(None) => Err(StateFault::Damaged("`dicomgate_schema` holds no version".to_owned())),
            Err(why) if why.code() != Some(&SqlState::UNDEFINED_TABLE) => Err(explain(&why)),
            _ => self.bring_up_to_date().await,
        }
    }

    /// Makes the tables, or leads older ones to this version. Of several gateways one does it.
    async fn bring_up_to_date(&self) -> Result<(), StateFault> {
        let lock = format!("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({LOCK});");
        self.client.batch_execute(&lock).await.map_err(|why| explain(&why))?;
        // Asked first, as it says so even to a role that may not make tables.
        let version = match self.client.query_one("SELECT to_regclass('dicomgate_schema') IS NULL", &[]).await {
            Ok(row) if row.try_get(0).unwrap_or(true) => None,
            _ => self.version().await.map_err(|why| explain(&why))?,
        };
        let steps = steps_from(version)?;
        let begin = if version.is_none() { BEGIN } else { "" };
        let made = self.client.batch_execute(&format!("{begin} {steps} COMMIT;")).await;
        made.map_err(|why| match explain(&why) {
            StateFault::Settings(words) => StateFault::Settings(format!(
                "{words}: the tables are to be made or brought up to date; start one gateway as their owner once"
            )),
            other => other,
        })
    }

    async fn version(&self) -> Result<Option<i64>, tokio_postgres::Error> {
        self.client.query_one("SELECT max(version) FROM dicomgate_schema", &[]).await?.try_get(0)
    }
}

/// The TLS handshake, the password, and a task that carries the connection from here on.
async fn greet(
    target: &Target,
    stream: TcpStream,
) -> Result<(Client, JoinHandle<Result<(), tokio_postgres::Error>>), StateFault> {
    let socket = |fault: std::io::Error| unreachable_because(&target.address, &fault);
    stream.set_nodelay(true).map_err(socket)?;
    let keepalive = TcpKeepalive::new().with_time(IDLE).with_interval(IDLE / 6);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive).map_err(socket)?;
    let Some(tls) = &target.tls else {
        if !stream.peer_addr().map_err(socket)?.ip().is_loopback() {
            return Err(StateFault::Settings(format!("`{}` is another machine, and TLS is off", target.address)));
        }
        let (client, connection) = target.config.connect_raw(stream, NoTls).await.map_err(|why| explain(&why))?;
        return Ok((client, tokio::spawn(connection)));
    };
    let mut tls = tls.clone();
    let connector = <MakeRustlsConnect as MakeTlsConnect<TcpStream>>::make_tls_connect(&mut tls, &target.host)
        .map_err(|_| StateFault::Settings(format!("`{}` is no name for a certificate", target.host)))?;
    let (client, connection) = target.config.connect_raw(stream, connector).await.map_err(|why| explain(&why))?;
    Ok((client, tokio::spawn(connection)))
}

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Int(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Bytes(bytes) => bytes.to_sql(kind, out),
            Self::Foreign => Ok(IsNull::Yes),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(match *kind {
            Type::INT8 => Self::Int(i64::from_sql(kind, raw)?),
            Type::TEXT => Self::Text(String::from_sql(kind, raw)?),
            Type::BYTEA => Self::Bytes(raw.to_vec()),
            _ => Self::Foreign,
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Foreign)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
