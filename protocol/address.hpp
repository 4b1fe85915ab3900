// Where a frame came from or goes to, as an opaque value: links make addresses, the core only compares them.
#pragma once

#include "protocol/types.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <functional>
#include <optional>

namespace mqttsn {

/// Index of a link (a UDP listener, a serial port) in the order of the configuration.
using LinkId = std::uint16_t;

/// The node's address on its link, at most 22 octets (an IPv6 address with port and scope). Links without
/// addresses use the empty one. Only the link that made an address can read it.
class Address {
public:
    static constexpr std::size_t capacity = 22;

    Address() noexcept = default;
    explicit Address(Bytes octets) noexcept : size_(static_cast<std::uint8_t>(octets.size())) {
        assert(octets.size() <= capacity);
        std::copy(octets.begin(), octets.end(), octets_.begin());
    }

    Bytes octets() const noexcept { return {octets_.data(), size_}; }
    bool operator==(const Address& other) const noexcept {
        return size_ == other.size_ && std::memcmp(octets_.data(), other.octets_.data(), capacity) == 0;
    }
    /// Of all octets and the size: looked up for every frame.
    std::size_t hash() const noexcept {
        std::array<std::uint64_t, 3> words;
        static_assert(sizeof words == sizeof(Address));
        std::memcpy(words.data(), this, sizeof words);
        std::uint64_t mixed = 0;
        for (const std::uint64_t each : words) {
            mixed = (mixed ^ each) * 0x9E3779B97F4A7C15U;  // 2^64 divided by the golden ratio
            mixed ^= mixed >> 32U;
        }
        return static_cast<std::size_t>(mixed);
    }

private:
    std::array<std::byte, capacity> octets_{};  // behind size_ octets: zeros
    std::uint8_t size_ = 0;
    std::uint8_t filler_ = 0;  // no padding, so that all octets of the object are known
};

/// Radio quality of one received frame, where the dongle tells.
struct Signal {
    std::int16_t rssi_dbm = 0;
    std::int8_t snr_db = 0;
};

/// A place on one link.
struct Endpoint {
    LinkId link = 0;
    Address address;
    bool operator==(const Endpoint&) const noexcept = default;
};

struct FrameInfo {
    Endpoint from;
    std::optional<Signal> signal;
};

struct EndpointHash {
    std::size_t operator()(const Endpoint& endpoint) const noexcept {
        return endpoint.address.hash() * 31U + endpoint.link;
    }
};

}  // namespace mqttsn
