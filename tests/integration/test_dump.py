"""mqttsn dump: every source of frames, every form of output, and what tshark makes of the pcapng it writes."""
import json
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import sn
from gateway import Gateway
from integration import IntegrationTest
from processes import PATIENCE, Process, programs

# Conversations of mqttsn sub and pub with a gateway, captured by dumpcap: both see the same frames, one on the loopback
# interface (Ethernet, microseconds), the other on all interfaces (Linux cooked, nanoseconds). fragments.pcap has a long
# PUBLISH and a PINGREQ over IPv4 and over IPv6 on an interface with an MTU of 1280.
CAPTURES = Path(__file__).resolve().parent / "captures"

WIRESHARK_FIELDS = """adv.interv clean.session client.id control.info dup gw.addr gw.id keep.alive msg.id protocol.id pub.msg
    qos radius retain return.code sleep.timer topic topic.id topic.id.type topic.name.or.id will will.msg will.topic
    wireless.node.id""".split()
# For each type, our field and the one of Wireshark. Wireshark 4.0 does not dissect: the QoS and DUP of SUBSCRIBE, SUBACK,
# WILLTOPIC and WILLTOPICUPD, the retain flag of the latter, and a predefined topic id of SUBSCRIBE and UNSUBSCRIBE.
AGREE = {
    "ADVERTISE": {"gw_id": "gw.id", "duration_s": "adv.interv"},
    "SEARCHGW": {"radius": "radius"},
    "GWINFO": {"gw_id": "gw.id", "gw_add": "gw.addr"},
    "CONNECT": {"will": "will", "clean_session": "clean.session", "topic_id_type": "topic.id.type", "protocol_id": "protocol.id",
                "duration_s": "keep.alive", "client_id": "client.id"},
    "CONNACK": {"return_code": "return.code"},
    "WILLTOPICREQ": {},
    "WILLTOPIC": {"topic_id_type": "topic.id.type", "will_topic": "will.topic"},
    "WILLMSGREQ": {},
    "WILLMSG": {"will_msg": "will.msg"},
    "REGISTER": {"topic_id": "topic.id", "msg_id": "msg.id", "topic_name": "topic"},
    "REGACK": {"topic_id": "topic.id", "msg_id": "msg.id", "return_code": "return.code"},
    "PUBLISH": {"dup": "dup", "qos": "qos", "retain": "retain", "topic_id_type": "topic.id.type", "topic_id": "topic.id",
                "msg_id": "msg.id", "data": "pub.msg"},
    "PUBACK": {"topic_id": "topic.id", "msg_id": "msg.id", "return_code": "return.code"},
    "PUBCOMP": {"msg_id": "msg.id"},
    "PUBREC": {"msg_id": "msg.id"},
    "PUBREL": {"msg_id": "msg.id"},
    "SUBSCRIBE": {"topic_id_type": "topic.id.type", "msg_id": "msg.id", "topic_name": "topic.name.or.id"},
    "SUBACK": {"topic_id_type": "topic.id.type", "topic_id": "topic.id", "msg_id": "msg.id", "return_code": "return.code"},
    "UNSUBSCRIBE": {"topic_id_type": "topic.id.type", "msg_id": "msg.id", "topic_name": "topic.name.or.id"},
    "UNSUBACK": {"msg_id": "msg.id"},
    "PINGREQ": {"client_id": "client.id"},
    "PINGRESP": {},
    "DISCONNECT": {"duration_s": "sleep.timer"},
    "WILLTOPICUPD": {"topic_id_type": "topic.id.type", "will_topic": "will.topic"},
    "WILLTOPICRESP": {"return_code": "return.code"},
    "WILLMSGUPD": {"will_msg": "will.msg"},
    "WILLMSGRESP": {"return_code": "return.code"},
}
NUMBERS = {"adv.interv", "clean.session", "control.info", "dup", "gw.id", "keep.alive", "msg.id", "protocol.id", "qos", "radius",
           "retain", "return.code", "sleep.timer", "topic.id", "topic.id.type", "will", "wireless.node.id"}


def encapsulated(node_id, frame, radius=0):
    return struct.pack("BBB", len(node_id) + 3, sn.ENCAPSULATED, radius) + node_id + frame


def every_message():
    """Frames of every type with the values that matter. Not the empty WILLTOPIC, which Wireshark 4.0 calls malformed."""
    words = [struct.pack(">H", value) for value in (0, 1, 0x1234, 0xFFFF)]
    codes = [bytes([code]) for code in (0, 1, 2, 3, 255)]
    for word in words:
        yield sn.encode(sn.ADVERTISE, b"\x07" + word)
        yield sn.encode(sn.CONNECT, bytes([sn.flags(will=word[0] & 1, clean=word[1] & 1), 1]) + word + b"node")
        yield sn.encode(sn.REGISTER, word + word[::-1] + b"barn/door")
        yield sn.encode(sn.DISCONNECT, word)
        for kind in (sn.PUBCOMP, sn.PUBREC, sn.PUBREL, sn.UNSUBACK):
            yield sn.encode(kind, word)
        for code in codes:
            for kind in (sn.REGACK, sn.PUBACK):
                yield sn.encode(kind, word + word[::-1] + code)
            yield sn.encode(sn.SUBACK, b"\x40" + word + word[::-1] + code)
    for code in codes:
        for kind in (sn.CONNACK, sn.WILLTOPICRESP, sn.WILLMSGRESP):
            yield sn.encode(kind, code)
    for flags in range(0, 256, 1):
        if not flags & 0x0C:
            yield sn.encode(sn.PUBLISH, bytes([flags]) + b"ab\x00\x09data")
    for id_type, topic in ((0, b"barn/#"), (2, b"ab")):
        for qos in (0, 1, 2):
            yield sn.encode(sn.SUBSCRIBE, bytes([sn.flags(qos=qos, id_type=id_type)]) + b"\x00\x05" + topic)
        yield sn.encode(sn.UNSUBSCRIBE, bytes([sn.flags(id_type=id_type)]) + b"\x00\x05" + topic)
    for kind in (sn.WILLTOPIC, sn.WILLTOPICUPD):
        yield sn.encode(kind, b"\x30will/topic")
    for kind in (sn.WILLMSG, sn.WILLMSGUPD):
        yield sn.encode(kind, b"gone")
        yield sn.encode(kind)
    for kind in (sn.WILLTOPICREQ, sn.WILLMSGREQ, sn.PINGREQ, sn.PINGRESP, sn.DISCONNECT):
        yield sn.encode(kind)
        yield sn.encode(kind, long=True)
    yield sn.encode(sn.SEARCHGW, b"\x02")
    yield sn.encode(sn.GWINFO, b"\x07")
    yield sn.encode(sn.GWINFO, b"\x07node")
    yield sn.encode(sn.PINGREQ, b"sleeper")
    yield sn.encode(sn.PUBLISH, b"\x00\x00\x05\x00\x00" + b"x" * 5000)
    yield encapsulated(b"\x0a\x0b", sn.encode(sn.PINGRESP))
    yield encapsulated(b"\x01", sn.encode(sn.CONNECT, b"\x04\x01\x00\x3cbehind"), radius=3)


def tshark(path, *fields, port=1883):
    """The values of these fields in every frame, as lists; tshark decodes the port as MQTT-SN and verifies checksums."""
    arguments = ["tshark", "-n", "-r", path, "-d", f"udp.port=={port},mqttsn", "-o", "ip.check_checksum:TRUE",
                 "-o", "udp.check_checksum:TRUE", "-T", "fields", "-E", "separator=/t", "-E", "aggregator=,"]
    for field in fields:
        arguments += ["-e", field]
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=PATIENCE)
    except FileNotFoundError:
        raise AssertionError("tshark is missing: run tools/install-dependencies, or apt-get install tshark") from None
    if done.returncode != 0:
        raise AssertionError(f"tshark: {done.stderr}")
    return [[value.split(",") if value else [] for value in line.split("\t")] for line in done.stdout.splitlines()]


class Dump(IntegrationTest):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="dump-")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def dump(self, *arguments, standard_input=""):
        """(exit code, standard output, standard error)"""
        done = subprocess.run([programs() / "mqttsn", "dump", *map(str, arguments)], input=standard_input,
                              capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode, done.stdout, done.stderr

    def dumped(self, *arguments, **options):
        """The lines, when all is well."""
        code, output, error = self.dump(*arguments, **options)
        self.assertEqual((code, error), (0, ""), output)
        return output.splitlines()

    def objects(self, *arguments, **options):
        return [json.loads(line) for line in self.dumped("--json", *arguments, **options)]

    def listening(self, *arguments, at="127.0.0.1:0"):
        """(the process, a socket connected to its port)"""
        process = Process([programs() / "mqttsn", "dump", "-l", at, *map(str, arguments)])
        self.addCleanup(process.kill)
        port = int(process.wait_for(r"listening on \S+:(\d+)")[1])
        sender = socket.socket(socket.AF_INET6 if at.startswith("[") else socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        sender.connect(("::1" if at.startswith("[") else "127.0.0.1", port))
        return process, sender

    # Hex and standard input

    def test_hex_arguments_are_frames(self):
        self.assertEqual(self.dumped("080c200005000278", "03:05:00", "0x02 0x17"),
                         ['PUBLISH qos=1 topic_id=5 msg_id=2 data="x"', "CONNACK return_code=accepted(0)", "PINGRESP"])
        self.assertEqual(self.dumped("03", "05", "00"), ["CONNACK return_code=accepted(0)"])
        self.assertEqual(self.dumped("05fe000a0b0217"), ["encapsulated wireless_node_id=0a0b | PINGRESP"])
        self.assertEqual(len(self.dumped("-C", "2", "0217", "0217", "0217")), 2)

    def test_standard_input_has_a_frame_a_line(self):
        lines = "# from the log\n0217\n\n  03 05 00   # an answer\n"
        for arguments in ((), ("-",)):
            self.assertEqual(self.dumped(*arguments, standard_input=lines), ["PINGRESP", "CONNACK return_code=accepted(0)"])
        self.assertEqual(len(self.dumped("-C", "1", standard_input=lines)), 1)
        code, output, error = self.dump(standard_input="0217\nPUBLISH\n0216\n")
        self.assertEqual((code, output), (1, "PINGRESP\nPINGREQ\n"))
        self.assertIn('line 2 is not hex: "PUBLISH"', error)

    def test_a_line_is_shown_when_it_comes(self):
        process = Process([programs() / "mqttsn", "dump"], stdin=subprocess.PIPE)
        self.addCleanup(process.kill)
        for line, shown in (("0217", "PINGRESP"), ("0216", "PINGREQ")):
            process.write(line + "\n")
            process.wait_for(shown)
        process.end_input()
        self.assertEqual(process.wait(), 0)

    def test_malformed_frames_are_shown_and_counted(self):
        code, output, error = self.dump("0217", "0317", "0203")
        self.assertEqual(code, 1)
        self.assertEqual(output.splitlines(), ["PINGRESP", "malformed (Length is 3, the datagram has 2 octets): 0317",
                                               "malformed (reserved message type 0x03): 0203"])
        self.assertEqual(error, "mqttsn dump: 2 of 3 frames are malformed\n")
        code, output, _ = self.dump("--json", "0317")
        self.assertEqual((code, json.loads(output)), (1, {"number": 1, "length": 2, "hex": "0317",
                                                          "malformed": "Length is 3, the datagram has 2 octets"}))

    def test_verbose_has_all_fields(self):
        lines = self.dumped("-v", "080c200005000278")
        self.assertEqual([line.split() for line in lines],
                         [["#1", "8", "octets"], ["PUBLISH", "(0x0c)"], ["dup", "no"], ["qos", "1"], ["retain", "no"],
                          ["topic_id_type", "normal(0)"], ["topic_id", "5"], ["msg_id", "2"], ["data", '"x"'],
                          ["octets", "080c200005000278"]])

    def test_wrong_usage_is_told(self):
        for arguments, words in ((("08 0g",), "is not a frame in hex"), (("0",), "is not a frame in hex"),
                                 (("0217", "-l", "127.0.0.1:0"), "not from several of them"),
                                 (("-W", "1", "0217"), "-W goes with -l"), (("--port", "5", "0217"), "--port goes with -r"),
                                 (("-r", "x", "--port", "0"), "from 1 to 65535, or any"),
                                 (("-r", CAPTURES / "loopback.pcap", "-w", CAPTURES / "loopback.pcap"), "the same file")):
            with self.subTest(arguments=arguments):
                code, output, error = self.dump(*arguments)
                self.assertEqual((code, output), (2, ""))
                self.assertIn(words, error)
        code, output, _ = self.dump("--help")
        self.assertEqual(code, 0)
        self.assertIn("Examples:", output)

    # Captures

    def test_captures_of_real_conversations_are_read(self):
        frames = {name: self.objects("-r", CAPTURES / name) for name in ("loopback.pcap", "cooked.pcapng")}
        loopback = frames["loopback.pcap"]
        self.assertEqual(len(loopback), 40)
        self.assertEqual([frame["hex"] for frame in frames["cooked.pcapng"]], [frame["hex"] for frame in loopback])
        self.assertEqual([frame["from"] for frame in frames["cooked.pcapng"]], [frame["from"] for frame in loopback])
        # The same moment, with and without nanoseconds.
        self.assertEqual((loopback[0]["time"], frames["cooked.pcapng"][0]["time"]),
                         ("2026-11-24T03:30:26.987870Z", "2026-11-24T03:30:26.987870848Z"))
        self.assertEqual(self.dumped("-C", "1", "-r", CAPTURES / "loopback.pcap"),
                         ['2026-11-24T03:30:26.987870Z 127.0.0.1:49656 > 127.0.0.1:1883 '
                          'CONNECT will clean_session duration_s=60 client_id="door"'])
        publishes = [frame for frame in loopback if frame["type"] == "PUBLISH"]
        self.assertEqual([(frame["qos"], frame["data"]) for frame in publishes], [(2, "open"), (2, "open"), (1, "21.5"), (0, "x")])
        self.assertEqual(publishes[2]["to"], "[::1]:1883")
        self.assertEqual(publishes[3]["forwarder"], [{"radius": 0, "wireless_node_id": "0a0b"}])

    def test_long_frames_are_put_together_from_fragments(self):
        capture = CAPTURES / "fragments.pcap"
        frames = self.objects("-r", capture)
        self.assertEqual([frame["type"] for frame in frames], ["PUBLISH", "PINGREQ"] * 2)
        for frame in frames[::2]:
            self.assertEqual((frame["length"], frame["data"]), (3009, "0123456789" * 300))
        path = self.directory / "whole.pcapng"
        self.dumped("-r", capture, "-w", path)
        self.assertEqual(self.assert_tshark_agrees(path), 4)
        # Without the packet that has the end of the first one.
        lost = self.directory / "lost.pcap"
        content = capture.read_bytes()
        at = 24
        for _ in range(2):
            at += 16 + struct.unpack_from("<I", content, at + 8)[0]
        lost.write_bytes(content[:at] + content[at + 16 + struct.unpack_from("<I", content, at + 8)[0]:])
        code, output, error = self.dump("-r", lost)
        self.assertEqual((code, output.count("\n")), (0, 3))
        self.assertIn("2 IP fragments are left out", error)

    def test_a_capture_comes_through_a_pipe(self):
        with (CAPTURES / "loopback.pcap").open("rb") as capture:
            done = subprocess.run([programs() / "mqttsn", "dump", "-r", "-"], stdin=capture, capture_output=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stdout.count(b"\n")), (0, 40))

    def test_ports_choose_what_is_shown(self):
        capture = CAPTURES / "loopback.pcap"
        of_one_client = self.dumped("-r", capture, "--port", "46216")
        self.assertEqual(len(of_one_client), 8)
        self.assertEqual(len(self.dumped("-r", capture, "--port", "46216", "--port", "37370")), 13)
        self.assertEqual(len(self.dumped("-r", capture, "--port", "any")), 40)
        code, output, error = self.dump("-r", capture, "--port", "10000")
        self.assertEqual((code, output), (0, ""))
        self.assertIn("no frames on UDP port 10000, but 40 datagrams on others (1883)", error)

    def test_bad_captures_are_refused_with_words(self):
        cut = self.directory / "cut.pcap"
        cut.write_bytes((CAPTURES / "loopback.pcap").read_bytes()[:-5])
        code, output, error = self.dump("-r", cut)
        self.assertEqual((code, output.count("\n")), (1, 39))
        self.assertIn("cut.pcap to its end: truncated dump file", error)
        code, _, error = self.dump("-r", __file__)
        self.assertEqual(code, 1)
        self.assertIn("unknown file format; expected a pcap or pcapng file", error)
        code, _, error = self.dump("-r", self.directory / "none", "-w", self.directory / "kept")
        self.assertEqual(code, 1)
        self.assertIn("none: No such file", error)
        self.assertFalse((self.directory / "kept").exists())
        code, _, error = self.dump("0217", "-w", self.directory)
        self.assertEqual(code, 1)
        self.assertIn("Is a directory", error)
        code, _, error = self.dump("0217", "-w", "/dev/full")
        self.assertEqual(code, 1)
        self.assertIn("cannot write /dev/full: No space left on device", error)

    # Listening

    def test_listening_shows_each_datagram_with_its_sender(self):
        process, sender = self.listening("-C", "3")
        name = "{}:{} > {}:{}".format(*sender.getsockname(), *sender.getpeername())
        for frame in (sn.encode(sn.PINGREQ), b"\x00", sn.encode(sn.CONNACK, b"\x00")):
            sender.send(frame)
        self.assertEqual(process.wait(), 1)
        self.assertRegex(process.log, rf"(?m)^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z {name} PINGREQ$")
        self.assertIn(f"{name} malformed (impossible Length field): 00", process.log)
        self.assertIn(f"{name} CONNACK return_code=accepted(0)", process.log)
        self.assertIn("1 of 3 frames are malformed", process.log)

    def test_listening_ends_after_its_time_and_upon_a_signal(self):
        self.assertEqual(self.dump("-l", "127.0.0.1:0", "-W", "0.1")[0], 27)
        path = self.directory / "kept.pcapng"
        process, sender = self.listening("-w", path, at="[::1]:0")
        sender.send(sn.encode(sn.PINGREQ))
        process.wait_for(rf"\[::1\]:{sender.getsockname()[1]} > \[::1\]:\d+ PINGREQ")
        # What was seen is in the file already, not only when the program ends.
        port = str(sender.getpeername()[1])
        self.assertEqual(len(self.dumped("-r", path, "--port", port)), 1)
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(), 0, process.log)

    def test_listening_fails_with_words(self):
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        for at, words in (("127.0.0.1:%d" % taken.getsockname()[1], "another process listens there"),
                          ("192.0.2.1:1883", "no interface of this host has this address"),
                          ("localhost:1883", "expected an address and a port, such as"), ("99999", "expected an address")):
            with self.subTest(at=at):
                code, _, error = self.dump("-l", at)
                self.assertEqual(code, 1)
                self.assertIn(words, error)
        code, _, error = self.dump("-l", "225.1.1.1:1883", "--interface", "nowhere0")
        self.assertEqual(code, 1)
        self.assertIn("there is no interface nowhere0", error)

    def test_a_multicast_group_is_joined(self):
        """[SN12-6.1-a]"""
        group = f"239.18.83.{1 + self.free_port() % 250}:{self.free_port()}"
        process = Process([programs() / "mqttsn", "dump", "-l", group, "--interface", "lo", "-C", "1"])
        self.addCleanup(process.kill)
        process.wait_for("listening on 239")
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        host, port = group.split(":")
        sender.sendto(bytes.fromhex("0500070384"), (host, int(port)))
        self.assertEqual(process.wait(), 0, process.log)
        self.assertIn(f"> {group} ADVERTISE gw_id=7 duration_s=900", process.log)

    def free_port(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            return taken.getsockname()[1]

    # pcapng

    def assert_tshark_agrees(self, path, port=1883):
        """tshark finds no fault with the file, and the values that we have. How many frames it saw."""
        frames = self.objects("-r", path, "--port", port)
        faults = tshark(path, "_ws.malformed", "ip.checksum.status", "udp.checksum.status", port=port)
        self.assertEqual(len(faults), len(frames))
        for frame, (malformed, ip_status, udp_status) in zip(frames, faults):
            self.assertEqual((malformed, set(ip_status) | set(udp_status)), ([], {"1"}), frame)
        envelope = ["mqttsn.msg.type", "mqttsn.msg.len", "udp.srcport", "udp.dstport"]
        rows = tshark(path, *envelope, *(f"mqttsn.{name}" for name in WIRESHARK_FIELDS), port=port)
        for frame, row in zip(frames, rows):
            with self.subTest(frame=frame["hex"][:80]):
                types, lengths, source, target = row[:4]
                theirs = {name: [int(value, 0) for value in values] if name in NUMBERS else values
                          for name, values in zip(WIRESHARK_FIELDS, row[4:]) if values}
                self.assertEqual(int(types[-1], 0), frame["msg_type"])
                self.assertEqual(sum(map(int, lengths)), frame["length"])
                self.assertEqual((frame["from"].split(":")[-1], frame["to"].split(":")[-1]), (source[0], target[0]))
                self.assertEqual(theirs, self.in_their_words(frame))
        return len(frames)

    def in_their_words(self, frame):
        expected = {}
        # Flags that a message type does not use are there nevertheless: we leave them out, Wireshark does not.
        unused = {"topic_id_type": 0} if frame["type"] in ("CONNECT", "WILLTOPIC", "WILLTOPICUPD", "SUBACK") else {}
        for ours, theirs in AGREE[frame["type"]].items():
            value = {**unused, **frame}.get(ours, "")
            if ours == "gw_add":
                value = bytes.fromhex(value).decode()
            if theirs == "qos":
                value &= 3
            if value != "":
                expected[theirs] = [int(value) if theirs in NUMBERS else value]
        for header in frame.get("forwarder", []):
            expected.setdefault("control.info", []).append(header["radius"])
            # Wireshark 4.0 takes two octets of any node id.
            expected.setdefault("wireless.node.id", []).append(int(header["wireless_node_id"], 16))
        return expected

    def test_wireshark_reads_every_message_as_we_do(self):
        frames = list(every_message())
        self.assertEqual({sn.decode(frame).type for frame in frames if frame[1] != sn.ENCAPSULATED},
                         set(range(0x1E)) - {0x03, 0x11, 0x19})
        path = self.directory / "every.pcapng"
        self.dumped("-w", path, standard_input="\n".join(frame.hex() for frame in frames))
        self.assertEqual([frame["hex"] for frame in self.objects("-r", path)], [frame.hex() for frame in frames])
        self.assertEqual(self.assert_tshark_agrees(path), len(frames))

    def test_wireshark_reads_captures_that_were_written_again(self):
        path = self.directory / "again.pcapng"
        for name in ("loopback.pcap", "cooked.pcapng"):
            with self.subTest(name=name):
                lines = self.dumped("-r", CAPTURES / name, "-w", path)
                self.assertEqual(self.dumped("-r", path), lines)
                self.assertEqual(self.assert_tshark_agrees(path), 40)

    def test_wireshark_reads_what_was_heard(self):
        path = self.directory / "heard.pcapng"
        process, sender = self.listening("-w", path, "-C", "2")
        for frame in (sn.encode(sn.PINGREQ, b"heard"), sn.encode(sn.PUBLISH, b"\x62ab\x00\x00" + b"y" * 4000)):
            sender.send(frame)
        self.assertEqual(process.wait(), 0, process.log)
        self.assertEqual(self.assert_tshark_agrees(path, port=sender.getpeername()[1]), 2)

    def test_the_standard_output_can_be_the_file(self):
        done = subprocess.run([programs() / "mqttsn", "dump", "-w", "-", "0217"], capture_output=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        path = self.directory / "piped.pcapng"
        path.write_bytes(done.stdout)
        self.assertEqual(self.assert_tshark_agrees(path), 1)

    def test_malformed_frames_are_kept_in_the_file(self):
        path = self.directory / "malformed.pcapng"
        self.assertEqual(self.dump("0317", "0217", "-w", path)[0], 1)
        self.assertEqual([frame["hex"] for frame in map(json.loads, self.dump("--json", "-r", path)[1].splitlines())],
                         ["0317", "0217"])
        # With any port, what does not decode is taken for another protocol.
        self.assertEqual([frame["hex"] for frame in self.objects("-r", path, "--port", "any")], ["0217"])

    # Against the gateway

    def test_a_gateway_is_heard(self):
        """[SN12-6.1-a]"""
        process, sender = self.listening("--json", "-C", "1")
        broker = self.start_broker()
        self.keep(Gateway(broker.url, gateway={"id": 9}, timers={"advertise": "1s"},
                          udp=[{"listen": "127.0.0.1:0", "advertise_to": ["127.0.0.1:%d" % sender.getpeername()[1]]}]))
        self.assertEqual(process.wait(), 0, process.log)
        frame = json.loads(process.lines[-1])
        self.assertEqual((frame["type"], frame["gw_id"]), ("ADVERTISE", 9))


if __name__ == "__main__":
    unittest.main()
