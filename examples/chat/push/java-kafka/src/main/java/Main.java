import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Pushes one message through a Kafka topic: the record's value is the push as JSON, its key the conversation. */
public final class Main {
  public static void main(String[] args) throws Exception {
    if (args.length != 4) {
      System.err.println("usage: Main BROKER TOPIC CONVERSATION TEXT");
      System.exit(2);
    }
    String json =
        String.format(
            "{\"type\":\"text\",\"from\":\"kafka\",\"to\":%s,\"msgContent\":%s,\"msgTime\":%d}",
            quote(args[2]), quote(args[3]), System.currentTimeMillis());
    Map<String, Object> config = Map.of("bootstrap.servers", args[0], "acks", "all", "max.block.ms", "20000");
    try (KafkaProducer<String, byte[]> producer =
        new KafkaProducer<>(config, new StringSerializer(), new ByteArraySerializer())) {
      // The same key goes to the same partition: the messages of a conversation keep their order.
      ProducerRecord<String, byte[]> record =
          new ProducerRecord<>(args[1], args[2], json.getBytes(StandardCharsets.UTF_8));
      RecordMetadata place = producer.send(record).get(20, TimeUnit.SECONDS);
      System.out.println(place.topic() + "/" + place.partition() + "/" + place.offset());
    }
  }

  /** A JSON string. */
  private static String quote(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') out.append('\\').append(c);
      else if (c < ' ') out.append(String.format("\\u%04x", (int) c));
      else out.append(c);
    }
    return out.append('"').toString();
  }
}
