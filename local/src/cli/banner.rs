use std::io::{self, Write};
use std::net::SocketAddr;

/// Tells where the server is, where its functions are if elsewhere (in lines of their own), and how to try it.
pub(super) fn print(address: SocketAddr, functions: &str) -> io::Result<()> {
    let text = format!(
        r#"
Confab is ready.
  REST       http://{address}
  WebSocket  ws://{address}/ws?token=…
  Health     http://{address}/health
{functions}
Try it (each line as it is):
  curl --json '{{"username":"ada","email":"ada@example.com","password":"correct horse"}}' http://{address}/auth/register
  npx wscat -c "ws://{address}/ws?token=$(curl -s --json '{{"email":"ada@example.com","password":"correct horse"}}' http://{address}/auth/login | cut -d'"' -f4)"

Ctrl-C stops it.
"#
    );
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
