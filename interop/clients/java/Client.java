import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import io.socket.emitter.Emitter;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * A real io.socket:socket.io-client, driven over stdin and stdout; compiles against every version from 0.8 to 2.x.
 * Protocol: ../../src/client-process.ts.
 */
public final class Client {
  private static final Map<String, Socket> sockets = new HashMap<>();
  private static PrintStream out;

  public static void main(String[] args) throws Exception {
    out = new PrintStream(System.out, true, "UTF-8");
    write(new JSONObject().put("ready", true));
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = in.readLine()) != null; ) {
      JSONObject command = new JSONObject(line);
      switch (command.getString("cmd")) {
        case "connect" -> connect(command);
        case "emit" -> emit(command);
        case "disconnect" -> sockets.get(command.getString("name")).disconnect();
        default -> Runtime.getRuntime().halt(0);
      }
    }
    Runtime.getRuntime().halt(0);
  }

  private static void connect(JSONObject command) throws Exception {
    String name = command.getString("name");
    String nsp = command.getString("nsp");
    IO.Options options = new IO.Options();
    options.forceNew = true;
    options.reconnectionDelay = 100;
    options.reconnectionDelayMax = 300;
    JSONArray transports = command.getJSONArray("transports");
    options.transports = new String[transports.length()];
    for (int i = 0; i < transports.length(); i++) options.transports[i] = transports.getString(i);
    Socket socket = IO.socket(new URI(command.getString("url") + (nsp.equals("/") ? "" : nsp)), options);
    sockets.put(name, socket);
    for (String event : new String[] {"connect", "disconnect", "connect_error", "error", "event", "news", "fence"}) {
      boolean isOurs = event.equals("event") || event.equals("news") || event.equals("fence");
      socket.on(event, (Emitter.Listener) values -> report(name, event, isOurs ? values : texts(values)));
    }
    // Asked by the server: reports what came and answers with the same.
    socket.on("question", (Emitter.Listener) values -> {
      Object[] asked = Arrays.copyOf(values, values.length - 1);
      report(name, "question", asked);
      ((Ack) values[values.length - 1]).call(asked);
    });
    socket.connect();
  }

  private static void emit(JSONObject command) throws JSONException {
    Socket socket = sockets.get(command.getString("name"));
    JSONArray packed = command.getJSONArray("args");
    Object[] values = new Object[packed.length()];
    for (int i = 0; i < values.length; i++) values[i] = unpack(packed.get(i));
    if (!command.has("ack")) {
      socket.emit(command.getString("event"), values);
      return;
    }
    int ack = command.getInt("ack");
    socket.emit(command.getString("event"), values, (Ack) answer -> {
      try {
        write(new JSONObject().put("reply", ack).put("args", pack(answer)));
      } catch (JSONException error) {
        throw new IllegalStateException(error);
      }
    });
  }

  private static void report(String name, String event, Object[] values) {
    try {
      write(new JSONObject().put("name", name).put("event", event).put("args", pack(values)));
    } catch (JSONException error) {
      throw new IllegalStateException(error);
    }
  }

  /** What the client itself reports may be any object: an exception with its causes, a reason. */
  private static Object[] texts(Object[] values) {
    Object[] texts = new Object[values.length];
    for (int i = 0; i < values.length; i++) {
      StringBuilder text = new StringBuilder(String.valueOf(values[i]));
      if (values[i] instanceof Throwable error) {
        for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) text.append(" <- ").append(cause);
      }
      texts[i] = text.toString();
    }
    return texts;
  }

  private static synchronized void write(JSONObject line) {
    out.println(line);
  }

  private static Object pack(Object value) throws JSONException {
    if (value == null) return JSONObject.NULL;
    if (value instanceof byte[] bytes) return new JSONObject().put("$bin", Base64.getEncoder().encodeToString(bytes));
    if (value instanceof Object[] values) {
      JSONArray array = new JSONArray();
      for (Object entry : values) array.put(pack(entry));
      return array;
    }
    if (value instanceof JSONArray values) {
      JSONArray array = new JSONArray();
      for (int i = 0; i < values.length(); i++) array.put(pack(values.get(i)));
      return array;
    }
    if (value instanceof JSONObject values) {
      JSONObject object = new JSONObject();
      for (Iterator<?> keys = values.keys(); keys.hasNext(); ) {
        String key = (String) keys.next();
        object.put(key, pack(values.get(key)));
      }
      return object;
    }
    return value;
  }

  private static Object unpack(Object value) throws JSONException {
    if (value instanceof JSONArray values) {
      JSONArray array = new JSONArray();
      for (int i = 0; i < values.length(); i++) array.put(unpack(values.get(i)));
      return array;
    }
    if (value instanceof JSONObject values) {
      if (values.has("$bin")) return Base64.getDecoder().decode(values.getString("$bin"));
      JSONObject object = new JSONObject();
      for (Iterator<?> keys = values.keys(); keys.hasNext(); ) {
        String key = (String) keys.next();
        object.put(key, unpack(values.get(key)));
      }
      return object;
    }
    return value;
  }
}
