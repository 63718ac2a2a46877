//! A real Rust client, driven over stdin and stdout. Protocol: ../../../src/client-process.ts.
use base64::{engine::general_purpose::STANDARD, Engine};
use rust_socketio::{client::Client, ClientBuilder, Event, Payload, TransportType};
use serde_json::{json, Value};
use std::collections::HashMap;
use std::io::{stdin, stdout, BufRead, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Clients = Arc<Mutex<HashMap<String, Client>>>;

fn write(line: Value) {
    // The reader takes U+2028 and U+2029 for ends of lines, JSON does not escape them.
    let text = line.to_string().replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    writeln!(stdout().lock(), "{text}").expect("stdout is open");
}

fn pack(payload: Payload) -> Value {
    match payload {
        Payload::Text(values) => Value::Array(values),
        Payload::Binary(bytes) => json!([{ "$bin": STANDARD.encode(bytes) }]),
        #[allow(deprecated)]
        Payload::String(text) => serde_json::from_str(&text).unwrap_or(json!([text])),
    }
}

/// This client sends either values or one binary.
fn unpack(args: &Value) -> Payload {
    let values = args.as_array().cloned().unwrap_or_default();
    if let [Value::Object(only)] = values.as_slice() {
        if let Some(Value::String(bytes)) = only.get("$bin") {
            return Payload::Binary(STANDARD.decode(bytes).expect("base64").into());
        }
    }
    Payload::Text(values)
}

fn connect(clients: &Clients, name: String, command: &Value) {
    let transports = command["transports"].as_array().cloned().unwrap_or_default();
    let transport = match (transports.len(), transports[0].as_str()) {
        (1, Some("polling")) => TransportType::Polling,
        (1, _) => TransportType::Websocket,
        _ => TransportType::WebsocketUpgrade,
    };
    let reporter = name.clone();
    let built = ClientBuilder::new(command["url"].as_str().unwrap_or_default())
        .namespace(command["nsp"].as_str().unwrap_or("/"))
        .transport_type(transport)
        .reconnect(true)
        .reconnect_on_disconnect(true)
        .reconnect_delay(100, 300)
        .on_any({
            let name = reporter.clone();
            move |event, payload, _| {
                if let Event::Custom(event) = event {
                    write(json!({ "name": name, "event": event, "args": pack(payload) }));
                }
            }
        })
        .on(Event::Connect, {
            let name = reporter.clone();
            move |_, _| write(json!({ "name": name, "event": "connect", "args": [] }))
        })
        .on(Event::Close, {
            let name = reporter.clone();
            move |_, _| write(json!({ "name": name, "event": "disconnect", "args": [] }))
        })
        .on(Event::Error, {
            let name = reporter;
            move |error, _| write(json!({ "name": name, "event": "connect_error", "args": pack(error) }))
        })
        .connect();
    match built {
        Ok(client) => {
            clients.lock().unwrap().insert(name, client);
        }
        Err(error) => write(json!({ "name": name, "event": "connect_error", "args": [error.to_string()] })),
    }
}

/// The connect event may come before `connect` has returned the client.
fn await_client(clients: &Clients, name: &str) -> Option<Client> {
    for _ in 0..1000 {
        if let Some(client) = clients.lock().unwrap().get(name) {
            return Some(client.clone());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

fn emit(clients: &Clients, name: &str, command: &Value) {
    let Some(client) = await_client(clients, name) else { return };
    let event = command["event"].as_str().unwrap_or_default().to_string();
    let payload = unpack(&command["args"]);
    let sent = match command["ack"].as_i64() {
        None => client.emit(event, payload),
        Some(ack) => client.emit_with_ack(event, payload, Duration::from_secs(10), move |answer: Payload, _| {
            // The answer's arguments come as one array.
            let args = match pack(answer) {
                Value::Array(values) if values.len() == 1 && values[0].is_array() => values[0].clone(),
                other => other,
            };
            write(json!({ "reply": ack, "args": args }));
        }),
    };
    if let Err(error) = sent {
        eprintln!("{error}");
    }
}

fn main() {
    let clients: Clients = Arc::default();
    write(json!({ "ready": true }));
    for line in stdin().lock().lines() {
        let Ok(line) = line else { break };
        let Ok(command) = serde_json::from_str::<Value>(&line) else { continue };
        let name = command["name"].as_str().unwrap_or_default().to_string();
        match command["cmd"].as_str() {
            Some("connect") => {
                let clients = clients.clone();
                std::thread::spawn(move || connect(&clients, name, &command));
            }
            Some("emit") => emit(&clients, &name, &command),
            Some("disconnect") => {
                let client = clients.lock().unwrap().remove(&name);
                std::thread::spawn(move || client.map(|client| client.disconnect()));
            }
            _ => std::process::exit(0),
        }
    }
}
