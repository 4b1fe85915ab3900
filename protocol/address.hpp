// Where a frame came from or goes to, as an opaque value: links make addresses, the core only compares them.
#pragma once

#include "protocol/types.hpp"

#include <algorithm>
#include <array>
#include <cassert>
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
        return std::equal(octets().begin(), octets().end(), other.octets().begin(), other.octets().end());
    }

private:
    std::array<std::byte, capacity> octets_{};
    std::uint8_t size_ = 0;
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
        return std::hash<std::string_view>{}(as_text(endpoint.address.octets())) * 31U + endpoint.link;
    }
};

}  // namespace mqttsn
