// The truth table of README: who is told what, and where the message is, in every cell; and what becomes of it.
#include "tests/scenario/sleeper.hpp"

namespace truth_table_test {

using namespace mqttsn;
using namespace mqttsn::test;
using gateway::Custody;
using gateway::DeliveryUp;
using gateway::RecordKind;
using mqtt::PacketType;
using sn::ReturnCode;

namespace {

enum class Broker { up, away, gateway_killed };
enum class Told { nothing, safe, try_later };
enum class Place { device, store, broker };

struct Cell {
    bool by_store;
    bool asleep;
    Broker broker;
    Told device;
    Told broker_is;
    Place message;
};

// A device's message. When the gateway is killed the broker has not answered yet; nobody has repeated anything.
constexpr Cell up[] = {
    // by store, asleep, broker             device           broker         the message is at
    {false, false, Broker::up, Told::safe, Told::safe, Place::broker},
    {false, false, Broker::away, Told::try_later, Told::nothing, Place::device},
    {false, false, Broker::gateway_killed, Told::nothing, Told::nothing, Place::device},
    {false, true, Broker::up, Told::safe, Told::safe, Place::broker},
    {false, true, Broker::away, Told::try_later, Told::nothing, Place::device},
    {false, true, Broker::gateway_killed, Told::nothing, Told::nothing, Place::device},
    {true, false, Broker::up, Told::safe, Told::safe, Place::broker},
    {true, false, Broker::away, Told::safe, Told::nothing, Place::store},
    {true, false, Broker::gateway_killed, Told::safe, Told::nothing, Place::store},
    {true, true, Broker::up, Told::safe, Told::safe, Place::broker},
    {true, true, Broker::away, Told::safe, Told::nothing, Place::store},
    {true, true, Broker::gateway_killed, Told::safe, Told::nothing, Place::store},
};

// A message for the device, before the device has answered. The broker is told "safe" by PUBACK or PUBREC.
constexpr Cell down[] = {
    {false, false, Broker::up, Told::safe, Told::nothing, Place::broker},
    {false, false, Broker::away, Told::safe, Told::nothing, Place::broker},
    {false, false, Broker::gateway_killed, Told::safe, Told::nothing, Place::broker},
    {false, true, Broker::up, Told::nothing, Told::nothing, Place::broker},
    {false, true, Broker::away, Told::nothing, Told::nothing, Place::broker},
    {false, true, Broker::gateway_killed, Told::nothing, Told::nothing, Place::broker},
    {true, false, Broker::up, Told::safe, Told::nothing, Place::broker},
    {true, false, Broker::away, Told::safe, Told::nothing, Place::broker},
    {true, false, Broker::gateway_killed, Told::safe, Told::nothing, Place::broker},
    {true, true, Broker::up, Told::nothing, Told::safe, Place::store},
    {true, true, Broker::away, Told::nothing, Told::safe, Place::store},
    {true, true, Broker::gateway_killed, Told::nothing, Told::safe, Place::store},
};

gateway::Config config_of(const Cell& cell) {
    gateway::Config config = Talk::durable();
    if (cell.by_store) config.delivery.up = DeliveryUp::store;
    if (cell.by_store) config.sleep.custody = Custody::gateway;
    return config;
}

std::size_t records(const Talk& talk, RecordKind kind) {
    std::size_t count = 0;
    for (const auto& [key, image] : talk.disk())
        count += key.kind == kind ? 1 : 0;
    return count;
}

/// The broker as a receiver: what it was offered, told apart by packet id, and what it has answered.
class Receiver {
public:
    explicit Receiver(Talk& talk) : talk_(&talk) {}
    void works(bool answers) {
        for (const auto& line : talk_->heard("c1")) {
            const bool is_publish = line.starts_with("PUBLISH");
            if (!is_publish && !line.starts_with("PUBREL")) continue;
            const auto id = talk_->last_id("c1");
            const bool is_q2 = line.starts_with("PUBLISH q2");
            if (is_publish && (!is_q2 || open_.insert(id).second)) ++messages;
            if (!is_publish) open_.erase(id);
            if (!answers) continue;
            if (!is_publish) talk_->broker_sends("c1", mqtt::Pubcomp{id, 0, {}});
            if (is_publish && is_q2) talk_->broker_sends("c1", mqtt::Pubrec{id, 0, {}});
            if (is_publish && !is_q2) talk_->broker_sends("c1", mqtt::Puback{id, 0, {}});
            answered += is_publish ? 1 : 0;
        }
    }
    bool is_done() const { return open_.empty(); }
    int messages = 0;
    int answered = 0;

private:
    Talk* talk_;
    std::set<mqtt::PacketId> open_;
};

Told what_device_hears(const Sleeper& t, Qos qos, sn::MsgId msg_id) {
    Told told = Told::nothing;
    while (true) {
        try {
            const auto packet = t.node.next();
            const auto* puback = std::get_if<sn::Puback>(&packet);
            const bool refused = puback != nullptr && puback->code == ReturnCode::congestion;
            const bool accepted = puback != nullptr && puback->code == ReturnCode::accepted && qos == q1;
            const auto* pubrec = std::get_if<sn::Pubrec>(&packet);
            if (refused) told = Told::try_later;
            if (accepted || (pubrec != nullptr && pubrec->msg_id == msg_id)) told = Told::safe;
        } catch (const std::runtime_error&) {  // nothing more
            return told;
        }
    }
}

}  // namespace

TEST_CASE("truth table: messages of devices", "[SN12-6.6-e][SN12-6.6-f][SN12-6.6-i][SN12-6.12-e][SN12-6.12-f]") {
    const Cell& cell = up[GENERATE(range(0, 12))];
    const Qos qos = GENERATE(q1, q2);
    INFO("row " << &cell - up << ", QoS " << static_cast<int>(qos));
    Sleeper t(cell.asleep ? State::asleep : State::active, config_of(cell));
    t.talk.hold = {PacketType::publish, PacketType::pubrel};
    Receiver broker(t.talk);
    const sn::Publish reading{.qos = qos, .topic_id = t.published, .msg_id = 5, .data = as_bytes("x")};

    if (cell.broker == Broker::away) {
        t.talk.reachable = Talk::Reachable::refused;
        t.talk.broker_drops("c1");
    }
    t.node.sends(reading);
    broker.works(cell.broker == Broker::up);
    Told told = what_device_hears(t, qos, 5);
    if (cell.broker == Broker::gateway_killed) {
        t.talk.crashes_and_restarts();
        CHECK(what_device_hears(t, qos, 5) == Told::nothing);
    }
    CHECK(told == cell.device);
    CHECK((broker.answered > 0) == (cell.broker_is == Told::safe));
    CHECK((records(t.talk, RecordKind::message) == 1) == (cell.message == Place::store));
    CHECK((broker.answered > 0) == (cell.message == Place::broker));

    // The trouble ends. The device repeats until it is told.
    t.talk.reachable = Talk::Reachable::yes;
    for (int second = 0; second < 40; ++second) {
        t.talk.advance(1s);
        broker.works(true);
    }
    for (int i = 0; i < 3 && told != Told::safe; ++i) {
        auto again = reading;
        again.dup = true;
        t.node.sends(again);
        broker.works(true);
        told = what_device_hears(t, qos, 5);
    }
    CHECK(told == Told::safe);
    if (qos == q2) {
        t.node.sends(sn::Pubrel{5});
        t.node.expects(sn::Pubcomp{5});
        broker.works(true);
        CHECK(broker.messages == 1);
        CHECK(broker.is_done());
    }
    CHECK(broker.messages >= 1);
    CHECK(records(t.talk, RecordKind::message) == 0);
}

TEST_CASE("truth table: messages for devices", "[SN12-6.10-s][SN12-6.10-t][SN12-6.14-k][SN12-6.12-f][SN12-6-j]") {
    const Cell& cell = down[GENERATE(range(0, 12))];
    const Qos qos = GENERATE(q1, q2);
    INFO("row " << &cell - down << ", QoS " << static_cast<int>(qos));
    Sleeper t(cell.asleep ? State::asleep : State::active, config_of(cell));
    const mqtt::Publish again{true, qos, false, "s/1", 7, {}, as_bytes("x")};
    const auto comes_back = [&] {
        t.talk.reachable = Talk::Reachable::yes;
        t.talk.advance(35s);
        // What was never acknowledged is repeated by the broker.
        if (cell.broker_is != Told::safe) t.talk.broker_sends("c1", again);
    };

    t.message("x", qos, 7);
    const bool was_told = !t.talk.heard("c1").empty();
    sn::MsgId msg_id = 0;
    if (cell.device == Told::safe) {
        const auto packet = std::get<sn::Publish>(t.node.next());
        msg_id = packet.msg_id;
        CHECK_FALSE(packet.dup);
    }
    if (cell.broker == Broker::away) {
        t.talk.reachable = Talk::Reachable::refused;
        t.talk.broker_drops("c1");
    }
    if (cell.broker == Broker::gateway_killed) t.talk.crashes_and_restarts();
    CHECK(was_told == (cell.broker_is == Told::safe));
    CHECK((records(t.talk, RecordKind::delivery) == 1) == (cell.message == Place::store));
    t.node.expects_nothing();

    if (cell.broker == Broker::gateway_killed) comes_back();
    if (cell.asleep) t.wakes();  // with the broker away too: it need not wait
    const bool comes_again = cell.asleep || cell.broker == Broker::gateway_killed;
    if (comes_again) {
        const auto packet = std::get<sn::Publish>(t.node.next());
        CHECK(as_text(packet.data) == "x");
        if (qos == q2 && msg_id != 0) CHECK(packet.msg_id == msg_id);
        if (qos == q2 && msg_id != 0) CHECK(packet.dup);
        msg_id = packet.msg_id;
    }
    t.talk.heard();
    if (qos == q2) {
        t.node.sends(sn::Pubrec{msg_id});
        t.node.expects(sn::Pubrel{msg_id});
        t.node.sends(sn::Pubcomp{msg_id});
    } else {
        t.acknowledges(msg_id);
    }
    if (cell.asleep) t.node.expects(sn::Pingresp{});
    if (cell.broker == Broker::away) comes_back();
    t.node.expects_nothing();
    const auto lines = t.talk.heard("c1");
    const auto acknowledged = std::ranges::count(lines, qos == q1 ? "PUBACK" : "PUBREC");
    CHECK(acknowledged == (cell.broker_is == Told::safe ? 0 : 1));
    CHECK(records(t.talk, RecordKind::delivery) == 0);
    if (cell.asleep) {
        t.wakes();
        t.node.expects(sn::Pingresp{});
    }
}

}  // namespace truth_table_test
