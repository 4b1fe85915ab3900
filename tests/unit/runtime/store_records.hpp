// Records as tests of the store write and read them: keys with texts.
#pragma once

#include "gateway/runtime/store_batch.hpp"

#include <map>
#include <string>
#include <string_view>

namespace mqttsn::gateway::test {

using Records = std::map<RecordKey, std::string>;

constexpr RecordKey session_key(std::uint32_t session) {
    return {RecordKind::session, session, 0};
}
constexpr RecordKey flow_key(std::uint32_t session) {
    return {RecordKind::flow, session, 0};
}
constexpr RecordKey message_key(std::uint32_t session, std::uint64_t sequence) {
    return {RecordKind::message, session, sequence};
}

/// Operations as the core hands them over: offsets into octets that hold other things too.
struct Script : StoreBatch {
    Script& put(const RecordKey& key, std::string_view image) {
        const auto foreign = as_bytes("frame");
        octets.insert(octets.end(), foreign.begin(), foreign.end());
        const auto bytes = as_bytes(image);
        ops.push_back({StoreOp::Action::put, key, octets.size(), bytes.size()});
        octets.insert(octets.end(), bytes.begin(), bytes.end());
        return *this;
    }
    Script& erase(const RecordKey& key) {
        ops.push_back({StoreOp::Action::erase, key, 0, 0});
        return *this;
    }
    Script& erase_session(std::uint32_t session) {
        ops.push_back({StoreOp::Action::erase_session, {RecordKind::session, session, 0}, 0, 0});
        return *this;
    }
};

}  // namespace mqttsn::gateway::test
