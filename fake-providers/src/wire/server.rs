use std::collections::VecDeque;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::{Exchange, Service, WireFault, WireReply, WireRequest};

/// The largest request that is read. A provider's are far smaller.
const MAX_BODY_BYTES: usize = 1024 * 1024;

type Rule = Box<dyn FnMut(&WireRequest) -> Option<WireFault> + Send>;

/// A server for one stand-in. It stops when it is dropped.
pub struct Wire {
    url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    service: Arc<dyn Service>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    exchanges: Vec<Exchange>,
    planned: VecDeque<Planned>,
    rule: Option<Rule>,
    late: Vec<WireRequest>,
}

struct Planned {
    method: String,
    path_end: String,
    fault: WireFault,
}

/// Ends a connection without an answer.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut on purpose")
    }
}

impl std::error::Error for Cut {}

impl Wire {
    /// Serves a stand-in on a free port of this machine.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(service: Arc<dyn Service>) -> std::io::Result<Self> {
        Self::start_at(service, (Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Serves a stand-in at an address.
    ///
    /// # Errors
    /// When the address can't be had.
    pub async fn start_at(service: Arc<dyn Service>, address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared { service, state: Mutex::default() });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { url, shared, task })
    }

    /// Where it is: scheme, host and port.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every request that arrived so far, with its answer, in the order of arrival.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.state().exchanges.clone()
    }

    /// Forgets the exchanges, the faults that are planned, and what is late.
    pub fn forget(&self) {
        *self.shared.state() = State::default();
    }

    /// The next request with this method, whose path ends so, goes wrong. Several plans are met in their order.
    pub fn fail_next(&self, method: &str, path_end: &str, fault: WireFault) {
        let planned = Planned { method: method.to_owned(), path_end: path_end.to_owned(), fault };
        self.shared.state().planned.push_back(planned);
    }

    /// A rule that tells of every request whether it goes wrong, unless a plan has told already.
    pub fn set_rule(&self, rule: impl FnMut(&WireRequest) -> Option<WireFault> + Send + 'static) {
        self.shared.state().rule = Some(Box::new(rule));
    }

    /// What is late arrives. Returns how much that was.
    pub fn deliver_late(&self) -> usize {
        let late = std::mem::take(&mut self.shared.state().late);
        for request in &late {
            self.shared.carry_out(request);
        }
        late.len()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, request: &WireRequest) -> Option<WireFault> {
        let mut state = self.state();
        let meets =
            |planned: &Planned| planned.method == request.method && request.path.ends_with(&planned.path_end);
        if let Some(place) = state.planned.iter().position(meets) {
            return state.planned.remove(place).map(|planned| planned.fault);
        }
        state.rule.as_mut().and_then(|rule| rule(request))
    }

    fn record(&self, request: &WireRequest, reply: Option<WireReply>) {
        self.state().exchanges.push(Exchange { request: request.clone(), reply });
    }

    fn carry_out(&self, request: &WireRequest) -> WireReply {
        let reply = self.service.handle(request);
        self.record(request, Some(reply.clone()));
        reply
    }

    async fn answer(&self, request: &WireRequest) -> Result<WireReply, Cut> {
        let Some(fault) = self.fault(request) else { return Ok(self.carry_out(request)) };
        let reply = match fault {
            WireFault::CutBefore | WireFault::HangBefore | WireFault::Late => {
                self.record(request, None);
                if fault == WireFault::Late {
                    self.state().late.push(request.clone());
                }
                return lose(fault == WireFault::HangBefore).await;
            }
            WireFault::CutAfter | WireFault::HangAfter => {
                self.carry_out(request);
                return lose(fault == WireFault::HangAfter).await;
            }
            WireFault::Repeat => {
                self.carry_out(request);
                return Ok(self.carry_out(request));
            }
            WireFault::Garbage => {
                let reply = self.carry_out(request);
                return Ok(WireReply { body: "<html>502".to_owned(), ..reply });
            }
            WireFault::InProgress => {
                self.service.begin(request);
                let reply = self.service.handle(request);
                self.service.finish(request);
                reply
            }
            WireFault::Limited(retry_after) => self.service.limit(retry_after),
            WireFault::FailBefore => self.service.fail(request, false),
            WireFault::FailAfter => self.service.fail(request, true),
        };
        self.record(request, Some(reply.clone()));
        Ok(reply)
    }
}

/// The caller gets no answer: now, or ever.
async fn lose(hangs: bool) -> Result<WireReply, Cut> {
    if hangs {
        std::future::pending::<()>().await;
    }
    Err(Cut)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, Arc::clone(&shared)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move {
            let request = read(request).await.ok_or(Cut)?;
            let reply = shared.answer(&request).await?;
            response(reply).ok_or(Cut)
        }
    });
    // A connection that breaks is the caller's concern.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn read(request: Request<Incoming>) -> Option<WireRequest> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await.ok()?.to_bytes();
    let headers = head
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let query = head.uri.query().unwrap_or_default().as_bytes();
    Some(WireRequest {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: form_urlencoded::parse(query).into_owned().collect(),
        headers,
        body: String::from_utf8(body.to_vec()).ok()?,
    })
}

fn response(reply: WireReply) -> Option<Response<Full<Bytes>>> {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(Bytes::from(reply.body))).ok()
}
