// sleep.custody = "gateway": what waits for a sleeping client is taken into the gateway's own care. The broker is told
// once it is on disk, and has room for more.
#include "gateway/core/procedures/procedures.hpp"

namespace mqttsn::gateway {

namespace {

void keep(Session& session, Delivery& delivery, Turn& turn) {
    const mqtt::PacketId packet_id = std::exchange(delivery.packet_id, mqtt::PacketId{0});
    delivery.stored = ++session.last_delivery;
    for (InterruptedDelivery& each : session.interrupted) {
        if (each.stored == 0 && each.packet_id == packet_id) each = {0, each.msg_id, delivery.stored};
    }
    turn.core.journal.put_delivery(session, delivery, turn.out);
    ++turn.counters().deliveries_kept;
    if (packet_id == 0) return;
    session.upstream.write(turn.out,
                           [&](mqtt::Client& client, Buffer& wire) { client.acknowledge(packet_id, turn.now, wire); });
}

}  // namespace

void keep_waiting_deliveries(Session& session, Turn& turn) {
    const Config& config = turn.config();
    // A disk that takes nothing leaves them with the broker.
    if (!config.durable || config.sleep.custody != Custody::gateway || turn.core.store_failing) return;
    // What is in our care stands in front of what is not, so that a restart finds the same order.
    session.deliveries.for_each_behind([](const Delivery& each) { return each.stored != 0; },
                                       [&](Delivery& each) {
                                           // The client has a received one: only its number is left to be released.
                                           const bool is_wanted = each.qos != Qos::at_most_once && !each.received;
                                           if (is_wanted) keep(session, each, turn);
                                       });
}

void drop_unkept_deliveries(Session& session, Turn& turn) {
    if (turn.config().sleep.queue_qos0 || session.deliveries.empty()) return;
    // One that was still being announced to the client goes with its REGISTER.
    if (session.deliveries.front().qos == Qos::at_most_once) session.outbound = {};
    session.deliveries.take_if(
        0, [](const Delivery& each) { return each.qos == Qos::at_most_once; },
        [&](const Delivery&) { ++turn.counters().deliveries_asleep_dropped; });
}

void discard_deliveries(Session& session, Turn& turn) {
    session.deliveries.for_each([&](const Delivery& each) {
        if (each.stored != 0) turn.core.journal.erase_delivery(session, each.stored, turn.out);
    });
    session.deliveries.clear();
    session.interrupted.clear();
    session.outbound = {};
}

}  // namespace mqttsn::gateway
