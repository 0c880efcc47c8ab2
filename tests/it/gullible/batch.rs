//! Several requests in one: the parts of a `multipart/mixed`, each done for whom it names itself, or for whom the
//! batch names.

use super::Seen;

impl Seen {
    /// Its parts, with the headers of the batch that they lack; `None` when it is no batch.
    pub(super) fn parts(&self) -> Option<Vec<Seen>> {
        let line = self.header("content-type").filter(|_| self.target() == "/batch")?;
        let boundary = format!("--{}", line.split_once("boundary=")?.1);
        let body = String::from_utf8_lossy(&self.body).into_owned();
        let parts = body.split(&boundary).skip(1).filter_map(|part| part.split_once("\r\n\r\n"));
        Some(parts.map(|(_, message)| self.part(message)).collect())
    }

    fn part(&self, message: &str) -> Seen {
        let (head, body) = message.split_once("\r\n\r\n").unwrap_or((message, ""));
        let (line, rest) = head.split_once("\r\n").unwrap_or((head, ""));
        let mut words: Vec<&str> = line.split(' ').collect();
        // A whole address is one of its own.
        if let Some(path) = words[1].split_once("://").and_then(|(_, rest)| Some(&rest[rest.find('/')?..])) {
            words[1] = path;
        }
        let own = Seen { head: head.as_bytes().to_vec(), body: Vec::new() };
        let is_signed = own.header("authorization").or(own.header("cookie")).is_some();
        let lent = ["x-request-id", "authorization", "cookie"];
        let lent = lent.iter().filter(|name| !is_signed || **name == "x-request-id");
        let inherited: String = lent
            .flat_map(|name| self.all(name))
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let head = format!("{}\r\n{rest}\r\n{inherited}\r\n", words.join(" "));
        Seen { head: head.into_bytes(), body: body.trim_end_matches("\r\n").as_bytes().to_vec() }
    }

    fn all(&self, name: &str) -> Vec<(String, String)> {
        self.headers().filter(|(found, _)| found == name).collect()
    }
}

/// What a batch is answered with: status and body of each part, in their order.
pub(super) fn answer(answers: &[(&'static str, String)]) -> String {
    let part = |(status, body): &(&str, String)| {
        format!(
            "--r\r\ncontent-type: application/http\r\n\r\nHTTP/1.1 {status}\r\ncontent-type: application/json\r\n\r\n{body}\r\n"
        )
    };
    answers.iter().map(part).collect::<String>() + "--r--\r\n"
}
