// What the parts of the gateway cost: time and allocations by themselves, instructions under callgrind (tools/bench
// --check). No network, no disk: everything is in memory, in virtual time.
#include "gateway/core/topic_registry.hpp"
#include "protocol/mqtt/stream_parser.hpp"
#include "protocol/sn/v12_codec.hpp"
#include "tests/bench/allocations.hpp"
#include "tests/bench/core_rig.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <string_view>

using namespace mqttsn;
using test::CoreRig;

namespace {

constexpr std::size_t clients = 100;
constexpr std::size_t warm_up = 3;

/// Does it `count` times.
using Work = std::function<void(std::size_t count)>;

struct Case {
    std::string_view name;
    Work (*prepare)();
};

// ---- parts; callgrind counts what is inside part() ----

/// The compiler must neither leave out the work nor do it in advance.
template <class T>
void use(T& value) {
    asm volatile("" : : "r"(&value) : "memory");
}

template <class Step>
[[gnu::noinline]] void part(std::size_t count, Step step) {
    for (std::size_t i = 0; i < count; ++i)
        step(i);
}

Buffer sn_frame() {
    Buffer frame;
    const sn::Publish packet{.qos = Qos::at_least_once, .topic_id = 7, .msg_id = 9, .data = as_bytes("21.5 degrees")};
    static_cast<void>(sn::encode(packet, 65535, frame));
    return frame;
}

Work decode_sn() {
    return [frame = sn_frame()](std::size_t count) {
        part(count, [&](std::size_t) {
            const auto packet = sn::decode(frame);
            use(packet);
        });
    };
}

Work encode_sn() {
    return [out = Buffer()](std::size_t count) mutable {
        part(count, [&](std::size_t i) {
            out.clear();
            const sn::Puback packet{7, static_cast<sn::MsgId>(i), sn::ReturnCode::accepted};
            static_cast<void>(sn::encode(packet, 1400, out));
            use(out);
        });
    };
}

mqtt::Publish mqtt_message(mqtt::PacketId id) {
    mqtt::Publish message;
    message.qos = Qos::at_least_once;
    message.topic = "barn/7/command";
    message.packet_id = id;
    message.payload = as_bytes("21.5 degrees");
    return message;
}

Work parse_mqtt() {
    Buffer stream;
    mqtt::encode_publish(mqtt::Version::v3_1_1, mqtt_message(9), stream);
    return [stream](std::size_t count) {
        mqtt::StreamParser parser(1U << 20);
        part(count, [&](std::size_t) {
            parser.feed(stream);
            const auto raw = parser.next();
            const auto packet = mqtt::decode(mqtt::Version::v3_1_1, (*raw)->first_octet, (*raw)->body);
            use(packet);
        });
    };
}

Work encode_mqtt() {
    return [out = Buffer()](std::size_t count) mutable {
        part(count, [&](std::size_t i) {
            out.clear();
            mqtt::encode_publish(mqtt::Version::v3_1_1, mqtt_message(static_cast<mqtt::PacketId>(i)), out);
            use(out);
        });
    };
}

template <bool by_name>
Work look_up_topic() {
    auto registry = std::make_shared<gateway::TopicRegistry>();
    for (int i = 0; i < 20; ++i) {
        registry->assign(fmt::format("barn/{}/reading", i), gateway::TopicRegistry::Origin::client, 1000,
                         [](sn::TopicId) { return false; });
    }
    return [registry](std::size_t count) {
        part(count, [&](std::size_t i) {
            if constexpr (by_name) {
                const auto id = registry->find(std::string_view("barn/13/reading"));
                use(id);
            } else {
                const auto* entry = registry->find(static_cast<sn::TopicId>(1 + i % 20));
                use(entry);
            }
        });
    };
}

// ---- the whole core; callgrind counts its turns, not the clients and the broker of the rig ----

/// `step` with the clients in turn, after each has done it a few times.
template <class Step>
Work flow(Step step, gateway::Config config = CoreRig::config()) {
    auto rig = std::make_shared<CoreRig>(std::move(config));
    rig->add_clients(clients);
    for (std::size_t i = 0; i < clients; ++i) {
        rig->registers(i);
        rig->subscribes(i);
        rig->is_sent(i, Qos::at_most_once);  // makes its topic known
    }
    const auto work = [rig, step](std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            step(*rig, i % clients);
    };
    work(warm_up * clients);
    return work;
}

template <Qos qos>
Work up() {
    return flow([](CoreRig& rig, std::size_t client) { rig.publishes(client, qos); });
}
template <Qos qos>
Work down() {
    return flow([](CoreRig& rig, std::size_t client) { rig.is_sent(client, qos); });
}
Work up_v5() {
    auto config = CoreRig::config();
    config.broker.client.version = mqtt::Version::v5;
    return flow([](CoreRig& rig, std::size_t client) { rig.publishes(client, Qos::at_least_once); }, config);
}
Work up_durable() {
    auto config = CoreRig::config();
    config.durable = true;
    return flow([](CoreRig& rig, std::size_t client) { rig.publishes(client, Qos::at_least_once); }, config);
}
Work connect() {
    return flow([](CoreRig& rig, std::size_t client) { rig.connects(client); });
}
Work register_topic() {
    return flow([](CoreRig& rig, std::size_t client) { rig.registers(client); });
}
Work subscribe() {
    return flow([](CoreRig& rig, std::size_t client) { rig.subscribes(client); });
}
Work ping() {
    return flow([](CoreRig& rig, std::size_t client) { rig.pings(client); });
}
Work sleep_and_wake() {
    return flow([](CoreRig& rig, std::size_t client) { rig.sleeps_and_wakes(client); });
}

constexpr Case cases[] = {
    {"decode MQTT-SN PUBLISH", decode_sn},
    {"encode MQTT-SN PUBACK", encode_sn},
    {"parse MQTT PUBLISH", parse_mqtt},
    {"encode MQTT PUBLISH", encode_mqtt},
    {"topic by id", look_up_topic<false>},
    {"topic by name", look_up_topic<true>},
    {"up QoS -1", up<Qos::minus_one>},
    {"up QoS 0", up<Qos::at_most_once>},
    {"up QoS 1", up<Qos::at_least_once>},
    {"up QoS 2", up<Qos::exactly_once>},
    {"down QoS 0", down<Qos::at_most_once>},
    {"down QoS 1", down<Qos::at_least_once>},
    {"down QoS 2", down<Qos::exactly_once>},
    {"up QoS 1, MQTT 5", up_v5},
    {"up QoS 1, with a store", up_durable},
    {"connect", connect},
    {"register", register_topic},
    {"subscribe", subscribe},
    {"ping", ping},
    {"sleep, message, wake", sleep_and_wake},
};

// Callgrind writes down what it counted when it leaves one of these: once for the preparation, once for the work.
[[gnu::noinline]] Work prepared(const Case& each) {
    return each.prepare();
}
[[gnu::noinline]] void measured(const Work& work, std::size_t count) {
    work(count);
}

std::int64_t octets_per_idle_client() {
    constexpr std::size_t many = 1024;
    CoreRig rig;
    rig.add_clients(many);
    const auto before = test::allocations().octets;
    rig.add_clients(many);
    return (test::allocations().octets - before) / static_cast<std::int64_t>(many);
}

}  // namespace

/// One JSON object a line.
int main(int argc, char** argv) {
    const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100000;
    const std::string_view only = argc > 2 ? argv[2] : "";
    if (count == 0 || argc > 3) {
        fmt::print(stderr, "usage: {} [COUNT [CASE]]\n", argv[0]);
        return 2;
    }
    for (const Case& each : cases) {
        if (!only.empty() && each.name != only) continue;
        const Work work = prepared(each);
        const auto allocated = test::allocations().count;
        const auto begin = std::chrono::steady_clock::now();
        measured(work, count);
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
        fmt::print("{{\"case\": \"{}\", \"count\": {}, \"ns\": {:.1f}, \"allocations\": {:.3f}}}\n", each.name, count,
                   took.count() / static_cast<double>(count),
                   static_cast<double>(test::allocations().count - allocated) / static_cast<double>(count));
    }
    fmt::print("{{\"case\": \"idle client\", \"octets\": {}}}\n", octets_per_idle_client());
}
