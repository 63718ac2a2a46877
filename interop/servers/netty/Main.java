// netty-socketio with the behaviour of ../README.md. Usage: java Main <port>.
import com.corundumstudio.socketio.AckCallback;
import com.corundumstudio.socketio.Configuration;
import com.corundumstudio.socketio.SocketConfig;
import com.corundumstudio.socketio.SocketIOClient;
import com.corundumstudio.socketio.SocketIONamespace;
import com.corundumstudio.socketio.SocketIOServer;
import java.net.InetAddress;
import java.net.ServerSocket;

public class Main {
  static <T> void serve(SocketIONamespace nsp, String suffix, Class<T> type) {
    nsp.addEventListener("echo" + suffix, type, (client, value, ack) -> ack.sendAckData(value));
    nsp.addEventListener("event" + suffix, type, (client, value, ack) -> client.sendEvent("event", value));
    nsp.addEventListener("ask-me" + suffix, type, (client, value, ack) -> client.sendEvent("question", new AckCallback<T>(type) {
      @Override
      public void onSuccess(T answer) {
        client.sendEvent("answered", answer);
      }
    }, value));
  }

  static void serve(SocketIOServer server, SocketIONamespace nsp) {
    serve(nsp, "", Object.class);
    serve(nsp, "-binary", byte[].class);
    nsp.addEventListener("join", String.class, (client, room, ack) -> {
      client.joinRoom(room);
      ack.sendAckData(room);
    });
    nsp.addMultiTypeEventListener("publish", (client, args, ack) ->
        nsp.getRoomOperations(args.<String>get(0)).sendEvent("news", args.<Object>get(1)), String.class, Object.class);
    nsp.addEventListener("kick", Object.class, (client, value, ack) -> client.disconnect());
  }

  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[0]);
    if (port == 0) {
      // The library does not say which port it was given.
      try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
        port = free.getLocalPort();
      }
    }
    Configuration configuration = new Configuration();
    configuration.setHostname("127.0.0.1");
    configuration.setPort(port);
    SocketConfig sockets = new SocketConfig();
    sockets.setReuseAddress(true);
    configuration.setSocketConfig(sockets);
    SocketIOServer server = new SocketIOServer(configuration);
    serve(server, server.addNamespace(""));
    serve(server, server.addNamespace("/custom"));
    server.start();
    System.out.println("{\"port\":" + port + "}");
  }
}
