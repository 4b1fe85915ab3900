// What the core wants kept on disk: opaque images under small keys. gateway/core/image.* says what is in them.
#pragma once

#include "protocol/types.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>

namespace mqttsn::gateway {

enum class RecordKind : std::uint8_t {
    session = 1,   ///< who the client is and what it knows; rarely written
    flow = 2,      ///< its unfinished QoS 2 exchanges and deadline; written at each of their steps
    message = 3,   ///< one message of the client in the gateway's care, on its way to the broker
    delivery = 4,  ///< one message for the client in the gateway's care, which the broker has forgotten
};

struct RecordKey {
    RecordKind kind = RecordKind::session;
    std::uint32_t session = 0;   ///< number of the session, never used twice
    std::uint64_t sequence = 0;  ///< of a message inside its session; 0 with the other kinds
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the comparison with 0 for a pointer
    auto operator<=>(const RecordKey&) const = default;
};

/// Names a client in the outbox: what its sessions say and what the store is to keep of them stay in one order. Made
/// from the client id, because a new session must not overtake what the one before has yet to say; 0 = none. Two
/// clients with the same key wait for each other's records, which harms nobody.
using ClientKey = std::uint64_t;

/// Commits are numbered in the order in which they were asked for.
using CommitId = std::uint64_t;

struct StoreOp {
    enum class Action : std::uint8_t {
        put,            ///< insert or replace
        erase,          ///< of a record that may be absent
        erase_session,  ///< all records of key.session
    };
    Action action = Action::put;
    RecordKey key;
    std::size_t offset = 0;  ///< of the image in Outbox::octets (put only)
    std::size_t size = 0;
    bool lazy = false;  ///< nothing that is said depends on it: a restart without it repeats what may be repeated
    ClientKey owner = 0;
};

}  // namespace mqttsn::gateway
