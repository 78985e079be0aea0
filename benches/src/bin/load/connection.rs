use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use order_benches::Outcome;
use tokio::net::TcpStream;

/// Somebody's connection to the server, kept open. It shares the machine with the server, so it does as little as it can: no pool,
/// no redirects, and an answer is left as it came.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Host and port.
    server: String,
    /// What every request has.
    headers: HeaderMap,
    sender: Option<SendRequest<Full<Bytes>>>,
    /// The last answer's body.
    body: Vec<u8>,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    method: Method,
    target: Uri,
    body: Bytes,
}

impl Question {
    /// To read what is at a path.
    pub(crate) fn get(path: &str) -> Outcome<Self> {
        Self::new(Method::GET, path, Bytes::new())
    }

    /// To send JSON to a path.
    pub(crate) fn new(method: Method, path: &str, body: impl Into<Bytes>) -> Outcome<Self> {
        Ok(Self { method, target: path.parse()?, body: body.into() })
    }

    /// The same with another body.
    pub(crate) fn with(self, body: Bytes) -> Self {
        Self { body, ..self }
    }

    /// Where it goes.
    pub(crate) fn path(&self) -> &str {
        self.target.path()
    }
}

impl Connection {
    /// A connection of whoever has this token, to a server such as `127.0.0.1:8080`. It is opened when it is needed.
    pub(crate) fn new(server: &str, token: &str) -> Outcome<Self> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, server.parse()?);
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse()?);
        headers.insert(CONTENT_TYPE, "application/json".parse()?);
        Ok(Self { server: server.to_owned(), headers, sender: None, body: Vec::new() })
    }

    /// Asks, and waits for the whole answer.
    pub(crate) async fn ask(&mut self, question: Question) -> Outcome<(StatusCode, &[u8])> {
        let mut request = Request::new(Full::new(question.body));
        *request.method_mut() = question.method;
        *request.uri_mut() = question.target;
        request.headers_mut().clone_from(&self.headers);
        let mut sender = match self.sender.take().filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => self.open().await?,
        };
        sender.ready().await?;
        let mut response = sender.send_request(request).await?;
        self.body.clear();
        while let Some(frame) = response.frame().await {
            if let Some(data) = frame?.data_ref() {
                self.body.extend_from_slice(data);
            }
        }
        self.sender = Some(sender);
        Ok((response.status(), &self.body))
    }

    async fn open(&self) -> Outcome<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(&self.server).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // What goes wrong with it is told to whoever waits for an answer.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}
