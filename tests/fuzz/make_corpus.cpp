// Writes the seeds of all fuzz targets, made from the packet tables: make_corpus DIRECTORY
#include "protocol/mqtt/codec.hpp"
#include "tests/fuzz/fuzzed_drivers.hpp"
#include "tests/fuzz/gateway_script.hpp"
#include "tests/support/hex.hpp"
#include "tests/support/link_vectors.hpp"
#include "tests/support/mqtt_packet_table.hpp"
#include "tests/support/sn_packet_table.hpp"
#include "transports/framing/xbee_api.hpp"

#include "protocol/sn/v12_codec.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace {

using namespace mqttsn;
namespace fs = std::filesystem;
namespace setting = fuzz::setting;
using fuzz::Step;

/// Numbered files in a directory of their own.
class Seeds {
public:
    explicit Seeds(fs::path directory) : directory_(std::move(directory)) { fs::create_directories(directory_); }

    void add(Bytes octets) {
        std::ofstream file(directory_ / std::to_string(++count_), std::ios::binary);
        file.write(as_text(octets).data(), static_cast<std::streamsize>(octets.size()));
        if (!file) throw std::runtime_error("cannot write to " + directory_.string());
    }

private:
    fs::path directory_;
    int count_ = 0;
};

void append(Buffer& to, Bytes octets) {
    to.insert(to.end(), octets.begin(), octets.end());
}

void write_sn(const fs::path& directory) {
    Seeds seeds(directory);
    for (const auto& each : test::sn_vectors()) {
        seeds.add(each.octets);
        seeds.add(test::in_long_form(each.octets));
        Buffer wrapped = test::forwarder_vectors().front().octets;
        wrapped.resize(wrapped.size() - 2);  // without its inner PINGRESP
        append(wrapped, each.octets);
        seeds.add(wrapped);
    }
    for (const auto& each : test::forwarder_vectors())
        seeds.add(each.octets);
}

std::byte version_octet(mqtt::Version version) {
    return static_cast<std::byte>(static_cast<unsigned>(version) - static_cast<unsigned>(mqtt::Version::v3_1));
}

void write_mqtt(const fs::path& directory) {
    Seeds seeds(directory);
    for (const auto version : {mqtt::Version::v3_1, mqtt::Version::v3_1_1, mqtt::Version::v5}) {
        Buffer accepted{version_octet(version)};
        mqtt::encode(version, mqtt::Connack{}, accepted);
        Buffer all = accepted;
        for (const auto& each : test::mqtt_vectors()) {
            if (std::find(each.versions.begin(), each.versions.end(), version) == each.versions.end()) continue;
            Buffer alone = accepted;
            append(alone, each.octets);
            seeds.add(alone);
            append(all, each.octets);
        }
        all[0] |= std::byte{4};  // with the small limit
        seeds.add(all);
    }
}

/// Writes inputs in the language of gateway_script.hpp.
class Script {
public:
    Script(unsigned first, unsigned second) { put(first), put(second); }

    Script& step(Step step, unsigned chooser = 0) { return put(static_cast<unsigned>(step) | (chooser << 3U)); }
    Script& device(unsigned from, const sn::Packet& packet) {
        Buffer frame;
        if (!sn::encode(packet, 255, frame)) throw std::logic_error("only short frames are seeds");
        return device(from, frame);
    }
    Script& device(unsigned from, Bytes frame) {
        if (frame.size() > 255) return *this;
        step(Step::datagram, from).put(static_cast<unsigned>(frame.size()));
        append(octets_, frame);
        return *this;
    }
    Script& broker(unsigned connection, mqtt::Version version, const mqtt::Packet& packet) {
        Buffer octets;
        mqtt::encode(version, packet, octets);
        return broker(connection, octets);
    }
    Script& broker(unsigned connection, Bytes octets) {
        step(Step::broker_octets, connection).put(static_cast<unsigned>(octets.size()));
        append(octets_, octets);
        return *this;
    }
    Script& wait_s(unsigned seconds) { return step(Step::wait, 2).put(seconds >> 8U).put(seconds & 0xFFU); }
    const Buffer& octets() const { return octets_; }

private:
    Script& put(unsigned octet) {
        octets_.push_back(static_cast<std::byte>(octet));
        return *this;
    }
    Buffer octets_;
};

const sn::Connect clean{false, true, sn::protocol_id, 60, "c1"};
const sn::Connect kept{false, false, sn::protocol_id, 60, "c1"};
constexpr unsigned forwarded = 4;  // added to the device number

/// A conversation that leads into every state; each vector of the table then arrives there.
std::vector<Script> beginnings(unsigned settings, mqtt::Version version) {
    const unsigned first = settings | static_cast<unsigned>(version_octet(version));
    Script fresh(first, 3);
    Script active = fresh;
    active.device(0, clean);
    Script subscribed = active;
    subscribed.device(0, sn::Subscribe{false, Qos::exactly_once, sn::TopicIdType::normal, 1, 0, "#"});
    Script delivering = subscribed;
    for (const auto qos : {Qos::exactly_once, Qos::at_least_once, Qos::at_most_once}) {
        const auto id = static_cast<mqtt::PacketId>(qos == Qos::at_most_once ? 0 : 7 + static_cast<int>(qos));
        delivering.broker(1, version, mqtt::Publish{false, qos, false, "long/name", id, {}, as_bytes("x")});
    }
    Script registered = delivering;
    registered.device(0, sn::Regack{4, 1, sn::ReturnCode::accepted});
    Script asleep = subscribed;
    asleep.device(0, sn::Disconnect{60})
        .broker(1, version, mqtt::Publish{false, Qos::at_least_once, false, "ab", 7, {}, {}});
    Script awake = asleep;
    awake.device(0, sn::Pingreq{"c1"});
    Script prompted = fresh;
    prompted.device(0, sn::Connect{true, false, sn::protocol_id, 60, "c1"});
    Script with_will = prompted;
    with_will.device(0, sn::WillTopic{Qos::at_least_once, true, "w"}).device(0, sn::WillMsg{as_bytes("gone")});
    Script without_broker = active;
    without_broker.step(Step::socket, 3).device(0, kept);
    Script behind_forwarder = fresh;
    behind_forwarder.device(forwarded, clean);
    return {fresh, active,   subscribed, delivering,     registered,      asleep,
            awake, prompted, with_will,  without_broker, behind_forwarder};
}

void write_gateway(const fs::path& directory) {
    Seeds seeds(directory);
    for (const auto version : {mqtt::Version::v3_1_1, mqtt::Version::v5}) {
        for (const auto& beginning : beginnings(setting::broker_answers, version)) {
            Script everything = beginning;
            for (const auto& each : test::sn_vectors())
                everything.device(0, each.octets);
            seeds.add(everything.octets());
            Script patience = beginning;
            for (int i = 0; i < 12; ++i)
                patience.step(Step::next_deadline);
            seeds.add(patience.wait_s(600).device(0, kept).step(Step::shut_down).octets());
        }
    }
    for (const auto& each : test::sn_vectors()) {
        Script one(setting::broker_answers, 3);
        one.device(0, clean).device(0, each.octets).device(forwarded, each.octets).device(3, each.octets);
        seeds.add(one.step(Step::next_deadline).octets());
    }
    for (const auto& each : test::mqtt_vectors()) {
        const auto version = each.versions.back();
        Script one(setting::broker_answers | static_cast<unsigned>(version_octet(version)), 3);
        one.device(0, kept).device(0, sn::Subscribe{false, Qos::exactly_once, sn::TopicIdType::normal, 1, 0, "a/#"});
        seeds.add(one.broker(0, each.octets).broker(1, each.octets).step(Step::next_deadline).octets());
    }
}

// A packet with its length in front.
void append_packet(Buffer& to, Bytes packet) {
    to.push_back(static_cast<std::byte>(packet.size() >> 8U));
    to.push_back(static_cast<std::byte>(packet.size() & 0xFFU));
    append(to, packet);
}

void write_capture(const fs::path& directory) {
    using test::hex;
    const Buffer udp = hex("0FA0 075B 000A 0000 0217");
    const Buffer ipv4 = hex("4500 001E 0001 0000 4011 0000 C0000201 C0000202");
    const Buffer first_part = hex("4500 001C 0002 2000 4011 0000 C0000201 C0000202 0FA0 075B 000A 0000");
    const Buffer last_part = hex("4500 0016 0002 0001 4011 0000 C0000201 C0000202 0217");
    const std::string hosts = "20010DB8000000000000000000000001 20010DB8000000000000000000000002";
    const Buffer ipv6 = hex("60000000 0022 00 40" + hosts + "2B00010400000000 3C00010400000000 1100010400000000");
    const Buffer first_part_6 = hex("60000000 0010 2C 40" + hosts + "1100 0001 00000007 0FA0 075B 000A 0000");
    const Buffer last_part_6 = hex("60000000 000A 2C 40" + hosts + "1100 0008 00000007 0217");
    // By the number of the link type in fuzz_capture.
    const std::pair<unsigned, Buffer> headers[] = {
        {0, hex("02000000")},
        {1, hex("0102030405060708090A0B0C 8100 0005 0800")},
        {4, {}},
        {6, hex("0000 0304 0006 000000000000 0000 0800")},
        {9, hex("0800 0000 00000001 0304 00 06 0000000000000000")},
    };
    Seeds seeds(directory);
    for (const auto& [number, header] : headers) {
        Buffer seed{static_cast<std::byte>(number)};
        for (const auto& each : {ipv4, ipv6}) {
            Buffer packet = header;
            append(packet, each), append(packet, udp);
            append_packet(seed, packet);
        }
        for (const auto& each : {first_part, last_part, first_part_6, last_part_6}) {
            Buffer packet = header;
            append(packet, each);
            append_packet(seed, packet);
        }
        seeds.add(seed);
    }
}

void write_framing(const fs::path& directory) {
    Seeds seeds(directory);
    for (std::size_t i = 0; i < test::framing_variants().size(); ++i) {
        const auto& variant = test::framing_variants()[i];
        const auto framing = transports::make_framing(variant.kind, variant.options);
        Buffer all{static_cast<std::byte>(i)};
        for (const auto& each : test::link_vectors()) {
            Buffer seed{static_cast<std::byte>(i)};
            if (each.kind == variant.kind) {
                append(seed, each.wire);
            } else {
                framing->encode(each.frame, seed);
            }
            seeds.add(seed);
            append(all, Bytes(seed).subspan(1));
            seed.pop_back();
            seeds.add(seed);
        }
        all.resize(std::min<std::size_t>(all.size(), 400));
        seeds.add(all);
    }
}

/// Conversations with dongles that have been set up: an XBee in both API modes, an Aquila bridge after its start.
void write_dongles(Seeds& seeds) {
    using fuzz::DriverStep;
    Buffer seed;
    const auto step = [&](DriverStep what, Bytes octets) {
        seed.push_back(static_cast<std::byte>(what));
        seed.push_back(static_cast<std::byte>(octets.size()));
        append(seed, octets);
    };
    const auto begin = [&](std::string_view kind) {
        const auto& kinds = fuzz::driver_kinds();
        const auto found = std::ranges::find(kinds, kind, [](const auto* each) { return each->name; });
        seed.assign(1, static_cast<std::byte>(found - kinds.begin()));
    };
    constexpr std::string_view answers[] = {"88524E50000049",
                                            "8853414F0000",
                                            "885453480013A200",
                                            "8855534C40401122",
                                            "88564856004147",
                                            "885756520030"
                                            "0B"};
    constexpr std::string_view events[] = {"8B01FFFE000000",
                                           "8B0112340000"
                                           "00",
                                           "8B01FFFE002400",
                                           "8B01FFFE000200",
                                           "8B01FFFE003200",
                                           "8B01FFFE002200",
                                           "8B01FFFE007400",
                                           "890100",
                                           "890101",
                                           "8A00",
                                           "8A02",
                                           "8A03",
                                           "8A0B",
                                           "8A0C",
                                           "8A06",
                                           "88524E50000041"};
    for (const bool escapes : {false, true}) {
        const transports::XbeeApiFraming framing({.escapes = escapes});
        const auto receive = [&](std::string_view data) {
            Buffer wire;
            framing.encode(test::hex(data), wire);
            step(DriverStep::receive, wire);
        };
        for (const std::string_view event : events) {
            begin("xbee");
            receive(escapes ? "885141500002" : "885141500001");
            for (const std::string_view each : answers)
                receive(each);
            receive("900013A200404011221234C1030500");
            step(DriverStep::send, test::sample_publish());
            receive(event);
            seed.push_back(static_cast<std::byte>(DriverStep::timeout));
            step(DriverStep::send, test::hex("030500"));
            receive("800013A2004040112228000216");
            step(DriverStep::broadcast, test::hex("0500010384"));
            receive("8B02FFFE000000");
            seeds.add(seed);
        }
    }
    for (const std::string_view answer : {"aq-ack", "aq-nack", "aq-config-req", "aq-up-publish"}) {
        begin("aquila");
        seed.insert(seed.end(), 2, static_cast<std::byte>(DriverStep::timeout));
        step(DriverStep::receive, test::link_vector("aq-up-publish").wire);
        step(DriverStep::send, test::sample_publish());
        step(DriverStep::receive, test::link_vector(answer).wire);
        step(DriverStep::broadcast, test::hex("0500010384"));
        seed.insert(seed.end(), 3, static_cast<std::byte>(DriverStep::timeout));
        seeds.add(seed);
    }
}

/// One conversation per driver and frame: it arrives, an answer is sent, it arrives again in two halves, the port is
/// closed, the dongle is silent.
void write_drivers(const fs::path& directory) {
    using fuzz::DriverStep;
    Seeds seeds(directory);
    for (std::size_t i = 0; i < fuzz::driver_kinds().size(); ++i) {
        for (const auto& each : test::link_vectors()) {
            Buffer seed{static_cast<std::byte>(i)};
            const auto step = [&](DriverStep what, Bytes octets) {
                seed.push_back(static_cast<std::byte>(what));
                seed.push_back(static_cast<std::byte>(octets.size()));
                append(seed, octets);
            };
            const auto bare = [&](DriverStep what) { seed.push_back(static_cast<std::byte>(what)); };
            step(DriverStep::receive, each.wire);
            bare(DriverStep::timeout);
            step(DriverStep::send, test::sample_publish());
            step(DriverStep::broadcast, test::hex("05 00 01 03 84"));
            const std::size_t half = each.wire.size() / 2;
            step(DriverStep::receive, Bytes(each.wire).first(half));
            append(seed, test::hex("01 00 0A"));  // wait 10 ms
            step(DriverStep::receive, Bytes(each.wire).subspan(half));
            bare(DriverStep::echo);
            bare(DriverStep::timeout);
            bare(DriverStep::reopen);
            step(DriverStep::send, each.frame);
            bare(DriverStep::early_call);
            seeds.add(seed);
        }
    }
    write_dongles(seeds);
}

/// By the number of the dialect in fuzz_at_modem: lines as a stream, and as steps between sound answers.
void write_at_modem(const fs::path& directory) {
    constexpr std::string_view lines[] = {"+RCV=5,6,030500,-83,9",
                                          "+RCV=5,4,AwUA,-83,9",
                                          "+RCV=5,3,a,b,-83,9",
                                          "+OK",
                                          "+ERR=17",
                                          "+ERR=12",
                                          "+RESET",
                                          "+READY",
                                          "+MODE=0",
                                          "+NETWORK=18",
                                          "OK",
                                          "AT_BUSY_ERROR",
                                          "AT_PARAM_ERROR",
                                          "+EVT:RXP2P:-83:9:030500",
                                          "+EVT:RXP2P, RSSI -83, SNR 9",
                                          "+EVT:030500",
                                          "+EVT:TXP2P DONE",
                                          "+EVT:RXP2P RECEIVE TIMEOUT",
                                          "Current Work Mode: LoRa P2P.",
                                          "ok",
                                          "busy",
                                          "invalid_param",
                                          "radio_rx  030500",
                                          "radio_tx_ok",
                                          "radio_err",
                                          "RN2483 1.0.1 Dec 15 2015 09:38:09",
                                          "4294967245"};
    constexpr unsigned steps = 7;
    const auto step = [](unsigned kind, std::size_t argument = 0) {
        return static_cast<std::byte>(kind + steps * argument);
    };
    Seeds seeds(directory);
    for (unsigned dialect = 0; dialect < 7; ++dialect) {
        Buffer stream{static_cast<std::byte>(dialect)};
        Buffer script = stream;
        script.insert(script.end(), 20, step(2));  // answers, until it is ready
        for (const std::string_view line : lines) {
            append(stream, as_bytes(line)), append(stream, as_bytes("\r\n"));
            script.push_back(step(1, line.size()));
            append(script, as_bytes(line));
            for (const unsigned kind : {2U, 5U, 4U, 2U, 2U})
                script.push_back(step(kind));
        }
        seeds.add(stream);
        seeds.add(script);
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) {
        std::cerr << "usage: make_corpus DIRECTORY\n";
        return 2;
    }
    const fs::path directory = arguments[1];
    write_sn(directory / "fuzz_sn_v12");
    write_mqtt(directory / "fuzz_mqtt_stream");
    write_gateway(directory / "fuzz_gateway_core");
    write_capture(directory / "fuzz_capture");
    write_framing(directory / "fuzz_framing");
    write_drivers(directory / "fuzz_driver");
    write_at_modem(directory / "fuzz_at_modem");
}
