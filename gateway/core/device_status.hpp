// What the gateway tells of each device over MQTT: a retained message on a topic of its own when its state or its route
// changes, and an empty one when nobody knows it any more.
#pragma once

#include "gateway/core/core.hpp"

#include <deque>
#include <unordered_map>

namespace mqttsn::gateway {

/// Whatever changes how often, each device is told once per BridgeConfig::device_interval, with what is true then, and
/// all together BridgeConfig::devices_per_second times. At most `limits.clients` devices are told or wait for it.
class DeviceStatus {
public:
    explicit DeviceStatus(const BridgeConfig& config);

    bool is_on() const noexcept { return !config_.devices_prefix.empty(); }
    /// Looks for a change; cheap where there is none.
    void touched(Session& session, Turn& turn);
    void ended(const Session& session, Turn& turn);
    /// A broker connection stands: the broker may know nothing of what was told before.
    void begin(Turn& turn);
    /// The broker retains a message on this topic.
    void heard(std::string_view topic, Turn& turn);

    struct Telling {
        std::string topic;
        std::string text;  ///< empty: to be forgotten
    };
    /// What is to be published now; call until there is none.
    std::optional<Telling> next(Turn& turn);
    std::optional<TimePoint> next_time() const noexcept;
    /// The topics that the broker retains a message of.
    std::vector<std::string> told() const;

private:
    struct Device {
        bool told = false;    ///< the broker retains something
        bool wanted = false;  ///< something has changed since
        bool queued = false;  ///< in ready_ or resting_
    };
    using Devices = std::unordered_map<std::string, Device>;
    struct Resting {
        TimePoint until;
        Devices::value_type* device;
    };

    bool want(std::string_view client_id, bool told, Turn& turn);
    void wake(TimePoint now);
    void begin_group(TimePoint now) noexcept;
    std::string topic_of(std::string_view client_id) const;

    BridgeConfig config_;
    Devices devices_;
    std::deque<Devices::value_type*> ready_;  ///< oldest change first
    std::deque<Resting> resting_;             ///< told a moment ago
    TimePoint free_from_{};                   ///< when the next group of messages begins
    std::uint32_t left_in_group_ = 0;         ///< of the present one
};

/// The level of a topic that stands for a client id: wildcards, `/`, `%` and what topics should not hold as %XX.
std::string topic_level(std::string_view client_id);
/// The client id behind such a level; as it is where it holds no such sequence.
std::string client_id_of(std::string_view level);

}  // namespace mqttsn::gateway
