// The keys of [delivery], [[delivery.policy]], [sleep] and [awake]: who keeps a message until it is where it should be.
#include "gateway/runtime/settings_key_types.hpp"

namespace mqttsn::gateway {

namespace {

const std::vector<std::pair<std::string, DeliveryUp>> places{{"broker", DeliveryUp::broker},
                                                             {"store", DeliveryUp::store}};
const std::vector<std::pair<std::string, bool>> fates{{"drop", false}, {"store", true}};

}  // namespace

void add_delivery(std::vector<SettingKey>& keys) {
    keys.push_back(choice<DeliveryUp>(
        "delivery", "up",
        "a device's QoS 1/2 message is acknowledged when the broker has it, or when it is safe in the store, which "
        "brings it to the broker even if that is away for days",
        places, MQTTSN_AT(core.delivery.up)));
    keys.push_back(choice<bool>("delivery", "qos0",
                                "with up = \"store\", QoS 0 messages while the broker is away: dropped, or stored too",
                                fates, MQTTSN_AT(core.delivery.store_qos0)));
    keys.push_back(duration("delivery", "max_age", "older messages in the store are dropped; 0 = never", 0s, 87600h,
                            MQTTSN_AT(core.delivery.max_age)));
    keys.push_back(integer("delivery", "max_messages", "of one device in the store; more are refused with congestion",
                           1, 10000000, MQTTSN_AT(core.delivery.max_messages)));
    keys.push_back(octets("delivery", "max_octets", "of one device in the store, topics and payloads", 1024,
                          std::size_t{1} << 31U, MQTTSN_AT(core.delivery.max_octets)));
    keys.push_back(integer("delivery", "replay_per_second",
                           "messages of all devices that waited for the broker, sent when it is back; 0 = as fast as "
                           "it takes them",
                           0, 1000000, MQTTSN_AT(core.delivery.replay_per_second)));

    keys.push_back(texts("[delivery.policy]", "topics",
                         "topic filters; the first policy that has one for a message decides, otherwise [delivery]",
                         MQTTSN_AT(core.delivery.policies.back().topics)));
    keys.push_back(choice<DeliveryUp>("[delivery.policy]", "up", "as in [delivery]", places,
                                      MQTTSN_AT(core.delivery.policies.back().up)));
    keys.push_back(choice<bool>("[delivery.policy]", "qos0", "as in [delivery]", fates,
                                MQTTSN_AT(core.delivery.policies.back().store_qos0)));
    keys.push_back(duration("[delivery.policy]", "max_age", "as in [delivery]", 0s, 87600h,
                            MQTTSN_AT(core.delivery.policies.back().max_age)));
}

void add_sleep(std::vector<SettingKey>& keys) {
    keys.push_back(choice<Custody>(
        "sleep", "custody",
        "QoS 1/2 messages for a device that sleeps: unacknowledged at the broker until the device has them, or taken "
        "into the store and acknowledged then",
        {{"broker", Custody::broker}, {"gateway", Custody::gateway}}, MQTTSN_AT(core.sleep.custody)));
    keys.push_back(boolean("sleep", "queue_qos0", "keep QoS 0 messages for devices that sleep, in memory",
                           MQTTSN_AT(core.sleep.queue_qos0)));

    keys.push_back(integer("awake", "max_messages", "most that a device gets at one wake-up; 0 = all that waits", 0,
                           1000000, MQTTSN_AT(core.awake.max_messages)));
    keys.push_back(duration("awake", "max_time",
                            "longest time between a waking PINGREQ and its PINGRESP; the rest waits for the next", 1s,
                            24h, MQTTSN_AT(core.awake.max_time)));
}

}  // namespace mqttsn::gateway
