// The application of bench/src/servers/application.ts on netty-socketio. Prints its port.
import com.corundumstudio.socketio.Configuration;
import com.corundumstudio.socketio.SocketConfig;
import com.corundumstudio.socketio.SocketIOServer;
import java.net.InetAddress;
import java.net.ServerSocket;

public class Main {
  public static void main(String[] args) throws Exception {
    int port;
    // The library does not say which port it was given.
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      port = free.getLocalPort();
    }
    Configuration configuration = new Configuration();
    configuration.setHostname("127.0.0.1");
    configuration.setPort(port);
    configuration.setBossThreads(1);
    configuration.setWorkerThreads(1);
    SocketConfig sockets = new SocketConfig();
    sockets.setReuseAddress(true);
    sockets.setAcceptBackLog(4096);
    configuration.setSocketConfig(sockets);
    SocketIOServer server = new SocketIOServer(configuration);
    server.addConnectListener(client -> {
      String room = client.getHandshakeData().getSingleUrlParam("room");
      if (room != null) client.joinRoom(room);
    });
    server.addEventListener("echo", Object.class, (client, value, ack) -> ack.sendAckData(value));
    server.addMultiTypeEventListener("publish", (client, values, ack) ->
        server.getRoomOperations(values.<String>get(0)).sendEvent("news", values.<String>get(1)), String.class, String.class);
    server.start();
    System.out.println("{\"port\":" + port + "}");
  }
}
