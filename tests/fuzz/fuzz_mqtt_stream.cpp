// Invariant: a stream gives the same packets fed whole and in chunks of every size, and what decodes survives encode
// and decode.
#include "protocol/mqtt/client.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/support/mqtt_packet_table.hpp"

namespace {

using namespace mqttsn;
using fuzz::require;

struct Parsed {
    std::vector<std::pair<std::uint8_t, Buffer>> packets;
    int error = 0;
    bool operator==(const Parsed&) const = default;
};

Parsed parse(Bytes stream, std::size_t chunk, std::size_t limit) {
    Parsed result;
    mqtt::StreamParser parser(limit);
    for (std::size_t at = 0; at < stream.size(); at += chunk) {
        // A copy of its own, so that reading behind the chunk, or after it, is seen.
        const Bytes octets = stream.subspan(at, std::min(chunk, stream.size() - at));
        const Buffer fed(octets.begin(), octets.end());
        parser.feed(fed);
        // Bodies stay valid until the next feed(): they are read only after all of them were given.
        std::vector<mqtt::StreamParser::RawPacket> given;
        while (result.error == 0) {
            const auto next = parser.next();
            if (!next) result.error = next.error().value();
            if (!next || !*next) break;
            given.push_back(**next);
        }
        for (const auto& raw : given) {
            require(raw.body.size() < limit, "no packet exceeds the limit");
            result.packets.emplace_back(raw.first_octet, Buffer(raw.body.begin(), raw.body.end()));
        }
        if (result.error != 0) break;
    }
    return result;
}

void check_round_trip(mqtt::Version version, std::uint8_t first_octet, Bytes body) {
    const auto packet = mqtt::decode(version, first_octet, body);
    if (!packet) return;
    Buffer octets;
    mqtt::encode(version, *packet, octets);
    const Parsed again = parse(octets, octets.size(), octets.size());
    require(again.error == 0 && again.packets.size() == 1, "an encoded packet is one packet");
    const auto second = mqtt::decode(version, again.packets[0].first, again.packets[0].second);
    require(second.has_value(), "an encoded packet decodes");
    require(test::is_equal(*packet, *second), "decode, encode, decode gives the same value");
}

volatile unsigned char sink;

/// The views of an event must be readable when receive() is back.
void read(const mqtt::Event& event) {
    const auto touch = [](std::string_view text) {
        for (const char each : text)
            sink = static_cast<unsigned char>(each);
    };
    if (const auto* connected = std::get_if<mqtt::Connected>(&event)) touch(connected->assigned_client_id);
    if (const auto* message = std::get_if<mqtt::MessageReceived>(&event)) {
        touch(message->topic);
        touch(as_text(message->payload));
    }
}

void talk_to_client(mqtt::Version version, Bytes stream, std::size_t chunk) {
    mqtt::ClientOptions options;
    options.version = version;
    options.maximum_packet_size = 1024;
    mqtt::Client client(options);
    Buffer wire;
    std::vector<mqtt::Event> events;
    client.connect({"c", false, nullptr, {}, {}}, {}, wire);
    for (std::size_t at = 0; at < stream.size(); at += chunk) {
        const Bytes octets = stream.subspan(at, std::min(chunk, stream.size() - at));
        const Buffer fed(octets.begin(), octets.end());
        events.clear();
        client.receive(fed, {}, wire, events);
        for (const auto& event : events)
            read(event);
        for (const auto& event : events) {
            const auto* message = std::get_if<mqtt::MessageReceived>(&event);
            if (message != nullptr) client.acknowledge(message->packet_id, {}, wire);
            if (std::holds_alternative<mqtt::Connected>(event)) {
                for (const auto qos : {Qos::at_most_once, Qos::at_least_once, Qos::exactly_once}) {
                    (void)client.publish({"a", as_bytes("x"), qos, false}, {}, wire);
                }
                (void)client.subscribe("a/#", Qos::exactly_once, {}, wire);
            }
        }
    }
    for (const auto& [first_octet, body] : parse(wire, wire.size(), wire.size()).packets) {
        require(mqtt::decode(version, first_octet, body).has_value(), "the client writes well-formed packets");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t header = input.octet();
    constexpr mqtt::Version versions[] = {mqtt::Version::v3_1, mqtt::Version::v3_1_1, mqtt::Version::v5,
                                          mqtt::Version::v5};
    const mqtt::Version version = versions[header & 3U];
    const std::size_t limit = (header & 4U) != 0 ? 32 : 65536;
    const Bytes stream = input.rest();
    if (stream.empty()) return 0;

    const Parsed whole = parse(stream, stream.size(), limit);
    for (const auto& [first_octet, body] : whole.packets)
        check_round_trip(version, first_octet, body);
    for (std::size_t chunk = 1; chunk < stream.size(); ++chunk) {
        require(parse(stream, chunk, limit) == whole, "chunks of every size give the same packets");
    }
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, stream.size()})
        talk_to_client(version, stream, chunk);
    return 0;
}
