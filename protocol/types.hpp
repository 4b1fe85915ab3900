// Vocabulary shared by every layer: octets, results, time as a value, quality of service.
#pragma once

#include <boost/system/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace mqttsn {

/// A view of octets. The caller of a function keeps the octets alive for the call, and whoever receives a
/// view copies what it keeps.
using Bytes = std::span<const std::byte>;
using Buffer = std::vector<std::byte>;

/// What a peer, a file or a user can make fail comes back as a value; our own bugs are asserts.
template <class T>
using Result = boost::system::result<T>;

/// The time line of the sans-I/O core. It has no now(): time is always an argument, taken by the event loop
/// once per input (or by a test, from thin air).
struct CoreClock {
    using duration = std::chrono::microseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<CoreClock>;
    static constexpr bool is_steady = true;
};
using TimePoint = CoreClock::time_point;
using Duration = CoreClock::duration;

/// Quality of service. minus_one exists only in MQTT-SN, from device to gateway (SN 6.8).
enum class Qos : std::int8_t { minus_one = -1, at_most_once = 0, at_least_once = 1, exactly_once = 2 };

inline Bytes as_bytes(std::string_view text) noexcept {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes octets) noexcept {
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

}  // namespace mqttsn
