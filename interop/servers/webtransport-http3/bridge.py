# WebTransport over HTTP/3 by aioquic. Each bidirectional stream of a browser becomes a TCP connection to the port in argv[1]; the end of
# either ends the other. argv[2], argv[3]: certificate and key. Prints its own port, then the headers of each session.
import asyncio
import sys

from aioquic.asyncio import serve
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived, WebTransportStreamDataReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, ProtocolNegotiated, StreamReset

TARGET, CERTIFICATE, KEY = int(sys.argv[1]), sys.argv[2], sys.argv[3]
# What is sent last has arrived by then; a session that ends takes back what has not.
LAST_BYTES_S = 0.2


class Bridge(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = None
        self.streams = {}

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic, enable_webtransport=True)
        elif isinstance(event, (ConnectionTerminated, StreamReset)):
            self.end_all()
        if self.http is not None:
            for one in self.http.handle_event(event):
                self.handle(one)

    def handle(self, event):
        if isinstance(event, HeadersReceived):
            headers = dict(event.headers)
            is_session = headers.get(b":protocol") == b"webtransport"
            status = b"200" if is_session else b"404"
            answer = [(b":status", status), (b"sec-webtransport-http3-draft", b"draft02")]
            self.http.send_headers(event.stream_id, answer, end_stream=not is_session)
            self.transmit()
        elif isinstance(event, WebTransportStreamDataReceived):
            queue = self.streams.get(event.stream_id)
            if queue is None:
                queue = self.streams[event.stream_id] = asyncio.Queue()
                asyncio.ensure_future(self.serve_stream(event.stream_id, event.session_id, queue))
            if event.data:
                queue.put_nowait(event.data)
            if event.stream_ended:
                queue.put_nowait(None)
        elif isinstance(event, DataReceived) and event.stream_ended:
            self.end_all()

    def end_all(self):
        for queue in self.streams.values():
            queue.put_nowait(None)

    async def serve_stream(self, stream_id, session_id, queue):
        reader, writer = await asyncio.open_connection("127.0.0.1", TARGET)
        inwards = asyncio.ensure_future(self.write_all(queue, writer))
        try:
            while data := await reader.read(65536):
                self._quic.send_stream_data(stream_id, data)
                self.transmit()
        except ConnectionError:
            pass
        for ending in (stream_id, session_id):
            try:
                self._quic.send_stream_data(ending, b"", end_stream=True)
                self.transmit()
            except (AssertionError, ValueError):
                # The browser has ended it.
                pass
            await asyncio.sleep(LAST_BYTES_S)
        inwards.cancel()
        writer.close()

    async def write_all(self, queue, writer):
        while (data := await queue.get()) is not None:
            writer.write(data)
        writer.close()


async def main():
    configuration = QuicConfiguration(alpn_protocols=H3_ALPN, is_client=False, max_datagram_frame_size=65536)
    configuration.load_cert_chain(CERTIFICATE, KEY)
    server = await serve("127.0.0.1", 0, configuration=configuration, create_protocol=Bridge)
    print(server._transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.Future()


asyncio.run(main())
