// Fleets of simulated nodes, against a gateway socket of the test on loopback.
#include "tools/commands/fleet.hpp"
#include "protocol/sn/forwarder.hpp"
#include "protocol/sn/v12_codec.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <set>

namespace fleet_test {

using namespace mqttsn;
using namespace mqttsn::tools;
using namespace std::chrono_literals;
using boost::asio::ip::udp;

namespace {

/// A gateway without a broker: accepts everything, and sends readings back to those who subscribed.
class Echo {
public:
    explicit Echo(boost::asio::io_context& io)
        : socket_(io, {boost::asio::ip::make_address("127.0.0.1"), 0}), datagram_(65536) {
        socket_.non_blocking(true);
        receive();
    }

    udp::endpoint place() const { return socket_.local_endpoint(); }

    std::set<udp::endpoint> ports;
    std::set<std::string> nodes;  ///< by port and node id
    std::map<std::string, std::vector<std::string>> payloads;
    std::size_t published = 0;
    std::size_t unacknowledged = 0;  ///< how many PUBLISH of QoS 1 to leave without an answer
    std::size_t dup = 0;

private:
    // All that is there at once: its buffer is small, and the fleet shares its thread.
    void receive() {
        socket_.async_wait(udp::socket::wait_read, [this](boost::system::error_code failed) {
            if (failed) return;
            boost::system::error_code error;
            while (!error) {
                const auto size = socket_.receive_from(boost::asio::buffer(datagram_), from_, 0, error);
                if (!error) answer(Bytes(datagram_).first(size));
            }
            receive();
        });
    }

    void answer(Bytes datagram) {
        node_id_.clear();
        Bytes frame = datagram;
        if (sn::is_encapsulated(datagram)) {
            const auto outer = sn::decode_encapsulated(datagram);
            node_id_.assign(outer->node_id.begin(), outer->node_id.end());
            frame = outer->inner;
        }
        const auto packet = sn::decode(frame);
        if (!packet) return;
        const auto node =
            from_.address().to_string() + ":" + std::to_string(from_.port()) + "/" + std::string(as_text(node_id_));
        ports.insert(from_);
        nodes.insert(node);
        if (std::holds_alternative<sn::Connect>(*packet)) send(sn::Connack{});
        if (const auto* name = std::get_if<sn::Register>(&*packet)) {
            send(sn::Regack{1, name->msg_id, sn::ReturnCode::accepted});
        }
        if (const auto* filter = std::get_if<sn::Subscribe>(&*packet)) {
            subscribers_.insert(node);
            send(sn::Suback{filter->qos, 1, filter->msg_id, sn::ReturnCode::accepted});
        }
        if (const auto* message = std::get_if<sn::Publish>(&*packet)) publish(*message, node);
        if (std::holds_alternative<sn::Disconnect>(*packet)) send(sn::Disconnect{});
    }

    void publish(const sn::Publish& message, const std::string& node) {
        if (message.dup) ++dup;
        ++published;
        payloads[node].emplace_back(as_text(message.data));
        if (message.qos == Qos::at_least_once && unacknowledged > 0) {
            --unacknowledged;
            return;
        }
        if (message.qos == Qos::at_least_once) send(sn::Puback{message.topic_id, message.msg_id, {}});
        if (!subscribers_.contains(node)) return;
        send(sn::Publish{false, Qos::at_most_once, false, message.type, message.topic_id, 0, message.data});
    }

    void send(const sn::Packet& packet) {
        Buffer out;
        if (!node_id_.empty()) sn::append_encapsulation(0, node_id_, out);
        REQUIRE(sn::encode(packet, 65535, out).has_value());
        boost::system::error_code ignored;  // the node may be gone
        socket_.send_to(boost::asio::buffer(out), from_, 0, ignored);
    }

    udp::socket socket_;
    Buffer datagram_;
    udp::endpoint from_;
    Buffer node_id_;
    std::set<std::string> subscribers_;
};

struct Place {
    explicit Place(std::vector<NodeGroup> groups, std::uint64_t seed = 1) {
        scenario.groups = std::move(groups);
        scenario.connects_per_second = 4000;
        scenario.seed = seed;
        REQUIRE_FALSE(scenario.complete().has_value());
        client.retry = 500ms;
        client.retries = 20;
        fleet = std::make_unique<Fleet>(io, scenario, client, FleetOutput{false, true});
    }
    /// Runs the fleet until this holds, then stops it.
    template <class Condition>
    FleetReport run(Condition&& holds) {
        const auto error = fleet->start(gateway.place());
        INFO(error.value_or(""));
        REQUIRE_FALSE(error.has_value());
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(40);
        while (!holds()) {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            io.run_one_until(deadline);
        }
        fleet->stop([this] { io.stop(); });
        io.run();
        return fleet->report();
    }

    boost::asio::io_context io{1};
    Echo gateway{io};
    Scenario scenario;
    node::ClientOptions client;
    std::unique_ptr<Fleet> fleet;
};

NodeGroup sensors(std::size_t count, Duration period) {
    NodeGroup group;
    group.count = count;
    group.period = period;
    return group;
}

}  // namespace

TEST_CASE("one process carries ten thousand nodes, from distinct ports and behind forwarders", "[SN12C-7.3-a][native]") {
    NodeGroup direct = sensors(1000, 5s);
    NodeGroup forwarded = sensors(9000, 5s);
    forwarded.name = "forwarded";
    forwarded.forwarders = 5;
    Place place({direct, forwarded});
    const auto report =
        place.run([&] { return place.gateway.published >= 1000 && place.gateway.nodes.size() == 10000; });
    CHECK(report.nodes == 10000);
    CHECK(report.totals.connects >= 10000);  // on a busy machine some connect again
    CHECK(report.lost == 0);
    CHECK(report.totals.acknowledged == report.totals.sent);
    CHECK(place.gateway.nodes.size() == 10000);
    CHECK(place.gateway.ports.size() == 1005);
}

TEST_CASE("latencies and losses are counted for each node, on the way up and on the way back", "[SN12C-7.3-a]") {
    NodeGroup group = sensors(2, 20ms);
    group.echo = true;
    Place place({group});
    place.gateway.unacknowledged = 1;
    const auto report = place.run(
        [&] { return place.gateway.payloads.size() == 2 && place.gateway.dup == 1 && place.gateway.published >= 20; });
    CHECK(report.retransmitted == 1);
    CHECK(report.lost == 0);
    // Readings that went out before the subscription was in place do not count.
    CHECK(report.totals.echoes + 2 >= report.totals.sent);
    CHECK(report.totals.echo_latencies.count() == report.totals.echoes);
    CHECK(report.echoes_lost == 0);
    CHECK(report.totals.latencies.count() == report.totals.acknowledged);
    CHECK(report.totals.latencies.max() >= 500ms);
    const auto nodes = place.fleet->node_reports();
    REQUIRE(nodes.size() == 2);
    CHECK(nodes[0].client_id == "sensor-1");
    CHECK(nodes[0].sent + nodes[1].sent == report.totals.sent);
    CHECK(std::max(nodes[0].latency_max, nodes[1].latency_max) == report.totals.latencies.max());
    CHECK(nodes[0].retransmitted + nodes[1].retransmitted == 1);
    CHECK(nodes[0].echo_latency_max > 0us);
}

TEST_CASE("the same seed sends the same readings") {
    const auto sent_with = [](std::uint64_t seed) {
        Place place({sensors(3, 10ms)}, seed);
        place.run([&] { return place.gateway.payloads.size() == 3 && place.gateway.published >= 30; });
        std::set<std::string> first;
        for (auto& [node, payloads] : place.gateway.payloads)
            first.insert(payloads.front() + payloads[1]);
        return first;
    };
    const auto once = sent_with(5);
    CHECK(sent_with(5) == once);
    CHECK(sent_with(6) != once);
}

TEST_CASE("a message without acknowledgement counts as lost when the patience is over") {
    Place place({sensors(1, 10ms)});
    place.client.retries = 1;
    place.client.retry = 20ms;
    place.fleet = std::make_unique<Fleet>(place.io, place.scenario, place.client, FleetOutput{false, true});
    place.gateway.unacknowledged = 1'000'000;
    const auto report = place.run([&] { return place.gateway.dup > 0; });
    CHECK(report.lost > 0);
    CHECK(report.totals.acknowledged == 0);
}

}  // namespace fleet_test
