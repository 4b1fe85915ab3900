"""An MQTT application at the broker, on paho: the other end of every conversation."""
import collections
import threading
import time

import paho.mqtt.client as paho

from processes import PATIENCE

Received = collections.namedtuple("Received", "topic payload qos retain")


class Application:
    """Connected when constructed, and again after the broker was away; collects what it receives, or hands each message to
    `on_each`."""

    def __init__(self, broker, client_id="", version=paho.MQTTv311, username=None, password=None, clean=True,
                 on_each=None):
        self._on_each = on_each
        self._messages = []
        self._done = set()
        self._changed = threading.Condition()
        self._markers = 0
        self._client = paho.Client(client_id or f"application-{id(self):x}", protocol=version,
                                   clean_session=None if version == paho.MQTTv5 else clean)
        self._filters = []
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda _client, _userdata, packet_id, *_: self._note(("subscribe", packet_id))
        self._client.on_publish = lambda _client, _userdata, packet_id: self._note(("publish", packet_id))
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(0.1, 0.5)
        if username is not None:
            self._client.username_pw_set(username, password)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        self._wait(lambda: "connect" in self._done, "CONNACK")

    def _on_connect(self, client, _userdata, flags, *_):
        if not flags["session present"]:  # a broker that comes back without its sessions
            for topic_filter, qos in self._filters:
                client.subscribe(topic_filter, qos)
        self._note("connect")

    def _note(self, event):
        with self._changed:
            self._done.add(event)
            self._changed.notify_all()

    def _on_message(self, _client, _userdata, message):
        if self._on_each is not None and not message.topic.startswith("marker/"):
            return self._on_each(message)
        with self._changed:
            # paho's own messages are equal whenever their packet ids are.
            self._messages.append(Received(message.topic, message.payload, message.qos, bool(message.retain)))
            self._changed.notify_all()

    def _wait(self, condition, what, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (value := condition()):
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise AssertionError(f"the application waited {timeout} s for {what}; it has {self._messages}")
                self._changed.wait(remaining)
            return value

    def subscribe(self, topic_filter, qos=2):
        self._filters.append((topic_filter, qos))
        _, packet_id = self._client.subscribe(topic_filter, qos)
        self._wait(lambda: ("subscribe", packet_id) in self._done, f"SUBACK of {topic_filter}")

    def publish(self, topic, payload, qos=0, retain=False):
        """Returns when the broker has it; it may be away for a while."""
        self.publish_all([(topic, payload, qos)], retain)

    def publish_all(self, messages, retain=False):
        """Of (topic, payload, qos); returns when the broker has all of them."""
        for packet_id in [self._client.publish(*message, retain).mid for message in messages]:
            self._wait(lambda each=packet_id: ("publish", each) in self._done, f"the broker to take {packet_id}")
            with self._changed:
                self._done.discard(("publish", packet_id))

    def receive(self, topic=None):
        """Takes the oldest message (on `topic`)."""
        def oldest():
            return next((each for each in self._messages if topic is None or each.topic == topic), None)
        message = self._wait(oldest, f"a message on {topic or 'any topic'}")
        with self._changed:
            self._messages.remove(message)
        return message

    def receive_all(self, count):
        """Takes the next `count` messages."""
        self._wait(lambda: len(self._messages) >= count, f"{count} messages")
        with self._changed:
            taken, self._messages = self._messages[:count], self._messages[count:]
        return taken

    def leftover(self):
        """Takes everything that the broker had for it by now: a message to itself shows that nothing else comes."""
        self._markers += 1
        marker = f"marker/{id(self):x}/{self._markers}"
        self.subscribe(marker)
        self.publish(marker, b"", qos=1)
        self.receive(marker)
        with self._changed:
            taken, self._messages = self._messages, []
        return taken

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()
