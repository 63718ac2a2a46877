import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import java.io.PrintStream;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.json.JSONObject;

/** Pushes one message with io.socket:socket.io-client 1.0.0, default options: event "2", answered by an ack. */
public final class Main {
  public static void main(String[] args) throws Exception {
    if (args.length != 3) {
      System.err.println("usage: Main URL CONVERSATION TEXT");
      System.exit(2);
    }
    IO.Options options = new IO.Options();
    options.forceNew = true;
    Socket socket = IO.socket(args[0], options);
    CompletableFuture<Object> answer = new CompletableFuture<>();
    // Without this listener a refused connection looks like silence.
    socket.on(Socket.EVENT_CONNECT_ERROR, values -> System.err.println("cannot connect: " + values[0] + "; trying again"));

    JSONObject push = new JSONObject();
    push.put("type", "text");
    push.put("from", "java");
    push.put("to", args[1]);
    push.put("msgContent", args[2]);
    push.put("msgTime", System.currentTimeMillis());
    // Emitted before the connection is there: the client keeps it and sends it then.
    socket.emit("2", push, (Ack) values -> answer.complete(values[0]));
    socket.connect();

    int status = 1;
    try {
      JSONObject result = (JSONObject) answer.get(20, TimeUnit.SECONDS);
      new PrintStream(System.out, true, "UTF-8").println(result);
      status = result.getBoolean("ok") ? 0 : 1;
    } catch (java.util.concurrent.TimeoutException e) {
      System.err.println("no answer within 20 s");
    }
    socket.disconnect();
    System.exit(status);
  }
}
