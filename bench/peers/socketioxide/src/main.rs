// The application of bench/src/servers/application.ts on socketioxide: one thread, as the Node servers have. Prints its port.
use axum::Router;
use rmpv::Value;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (layer, io) = SocketIo::builder().build_layer();
    io.ns("/", async |socket: SocketRef| {
        let query = socket.req_parts().uri.query().unwrap_or_default();
        if let Some(room) = query.split('&').find_map(|pair| pair.strip_prefix("room=")) {
            socket.join(room.to_owned());
        }
        socket.on("echo", async |Data::<Value>(value), ack: AckSender| {
            ack.send(&value).ok();
        });
        socket.on("publish", async |socket: SocketRef, Data::<(String, String)>((room, text))| {
            socket.within(room).emit("news", &text).await.ok();
        });
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{{\"port\":{}}}", listener.local_addr()?.port());
    axum::serve(listener, Router::new().layer(layer)).await?;
    Ok(())
}
